package pool

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// clientComes is like come, for a request of a client that has a session, or
// gets one.
func clientComes(p *Pool, client string) *guest {
	g := &guest{pool: p}
	g.Reset(nil, &http.Request{Header: http.Header{"Client": {client}}})
	return g.come()
}

// newStickyPool returns a pool that keeps the clients x, y and z with a, and
// sends all others wherever it likes.
func newStickyPool(t *testing.T, size int, limits ...int) *Pool {
	def := queueing(t, size, time.Minute, limits...)
	def.Sticky = register{"x": "a", "y": "a", "z": "a"}
	return newTestPool(t, nil, def)
}

// Requests that wait for one backend do not keep those behind from the others.
func TestWaitForOwnBackend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newStickyPool(t, 10, 1, 2)
		x := clientComes(p, "x")
		y, z := clientComes(p, "y"), clientComes(p, "z")
		wantStates(t, []*guest{x, y, z}, "a", "waits", "waits")
		others := []*guest{come2(p), come2(p), come2(p)}
		wantStates(t, others, "b", "b", "waits")
		v := p.View()
		if v.Queue.Length != 3 || v.Backends[0].Queued != 2 || v.Backends[1].Queued != 0 {
			t.Errorf("%+v", v)
		}
		// who has room elsewhere must not have the slot that y and z wait for
		others[0].leave()
		wantStates(t, []*guest{y, z, others[2]}, "waits", "waits", "b")
		x.leave()
		wantStates(t, []*guest{y, z}, "a", "waits")
		y.leave()
		wantStates(t, []*guest{z}, "a")
		h := make(http.Header)
		if z.Settle(z.m, h, true, false); h.Get("Session") != "continued" {
			t.Errorf("session: %q", h)
		}
		z.leave()
		others[1].leave()
		others[2].leave()
		wantQueue(t, p, 0)
	})
}

func come2(p *Pool) *guest { return clientComes(p, "") }

// A slot that several kinds of requests compete for goes to the first of them.
func TestOwnAndAnyCompeteInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newStickyPool(t, 10, 1)
		first := clientComes(p, "x")
		guests := []*guest{clientComes(p, "y"), come2(p), clientComes(p, "z"), come2(p)}
		wantStates(t, guests, "waits", "waits", "waits", "waits")
		last := first
		for i, g := range guests {
			last.leave()
			wantStates(t, guests[i:i+1], "a")
			if i+1 < len(guests) {
				wantStates(t, guests[i+1:i+2], "waits")
			}
			last = g
		}
		last.leave()
		wantQueue(t, p, 0)
	})
}

// The same when a snapshot brings room for several.
func TestSnapshotServesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newStickyPool(t, 10, 1)
		first := clientComes(p, "x")
		guests := []*guest{come2(p), clientComes(p, "y"), come2(p), clientComes(p, "z")}
		must(t, p.Patch("a", Patch{MaxRequests: ptr(4)}, Options{}))
		wantStates(t, guests, "a", "a", "a", "waits")
		for _, g := range append(guests[:3], first) {
			g.leave()
		}
		wantStates(t, guests[3:], "a")
		guests[3].leave()
		wantQueue(t, p, 0)
	})
}

// A request whose own backend is gone takes its place among those that any may
// serve, where it belongs by the time that it came.
func TestOwnBackendGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newStickyPool(t, 10, 1, 1)
		busy := []*guest{clientComes(p, "x"), come2(p)}
		guests := []*guest{come2(p), clientComes(p, "y"), come2(p), clientComes(p, "z")}
		wantStates(t, guests, "waits", "waits", "waits", "waits")
		must(t, p.Patch("a", Patch{AdminState: ptr(Maintenance)}, Options{}))
		if v := p.View(); v.Queue.Length != 4 || v.Backends[0].Queued != 0 {
			t.Errorf("%+v", v)
		}
		busy[0].leave()
		wantStates(t, guests, "waits", "waits", "waits", "waits")
		// back again: what is left of y and z waits for it alone
		must(t, p.Patch("a", Patch{AdminState: ptr(Ready)}, Options{}))
		wantStates(t, guests, "a", "waits", "waits", "waits")
		if v := p.View(); v.Backends[0].Queued != 2 {
			t.Errorf("%+v", v)
		}
		busy[1].leave()
		wantStates(t, guests[1:], "waits", "b", "waits")
		must(t, p.Remove("a", Options{}))
		guests[2].leave()
		wantStates(t, guests[1:], "b", "b", "waits")
		guests[1].leave()
		wantStates(t, guests[3:], "b")
		h := make(http.Header)
		if guests[3].Settle(guests[3].m, h, true, false); h.Get("Session") != "b" {
			t.Errorf("session: %q", h)
		}
		guests[0].leave()
		guests[3].leave()
		wantQueue(t, p, 0)
	})
}

// A backend that drains serves its own clients, in turn, and nobody else.
func TestWaitForDrainingBackend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newStickyPool(t, 10, 1)
		x := clientComes(p, "x")
		must(t, p.Patch("a", Patch{AdminState: ptr(Drain)}, Options{Force: true}))
		other, y := come2(p), clientComes(p, "y")
		wantStates(t, []*guest{other, y}, "waits", "waits")
		x.leave()
		wantStates(t, []*guest{other, y}, "waits", "a")
		y.leave()
		// one that needs not wait is not kept by those who do
		z := clientComes(p, "z")
		wantStates(t, []*guest{other, z}, "waits", "a")
		z.leave()
		other.cancel()
		wantStates(t, []*guest{other}, "context canceled")
		wantQueue(t, p, 0)
	})
}

// A slot that becomes free while a snapshot is being published that takes its
// backend out is for nobody, not even for who waits for that backend.
func TestSlotOfBackendThatGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newStickyPool(t, 10, 1)
		x, y := clientComes(p, "x"), clientComes(p, "y")
		gone := *x.m
		gone.Index = -1
		x.m.member.Store(&gone)
		x.leave()
		wantStates(t, []*guest{y}, "waits")
		p.publishNow()
		wantStates(t, []*guest{y}, "a")
		y.leave()
		wantQueue(t, p, 0)
	})
}

// Where the queue is full, another backend is better than none, and the session
// stays where it is. Without a queue, that is always so.
func TestOwnBackendIsLeftForNow(t *testing.T) {
	for _, size := range []int{0, 1} {
		synctest.Test(t, func(t *testing.T) {
			p := newStickyPool(t, size, 1, 0)
			guests := []*guest{clientComes(p, "x")}
			for range size {
				guests = append(guests, clientComes(p, "y"))
			}
			z := clientComes(p, "z")
			wantStates(t, []*guest{z}, "b")
			h := make(http.Header)
			if z.Settle(z.m, h, true, false); h.Get("Session") != "continued" {
				t.Errorf("session: %q", h)
			}
			z.leave()
			for _, g := range guests {
				g.state()
				g.leave()
			}
			wantQueue(t, p, 0)
		})
	}
}

// A request that has failed on its own backend waits for any.
func TestRetryWaitsForAny(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newStickyPool(t, 3, 1, 1)
		guests := []*guest{clientComes(p, "y"), come2(p)}
		x := &guest{pool: p}
		x.Reset(nil, &http.Request{Header: http.Header{"Client": {"x"}}})
		x.MarkTried(p.Snapshot().Members[0].Backend)
		x.come()
		wantStates(t, []*guest{x}, "waits")
		if v := p.View(); v.Backends[0].Queued != 0 {
			t.Errorf("%+v", v)
		}
		guests[1].leave()
		wantStates(t, []*guest{x}, "b")
		x.leave()
		guests[0].leave()
	})
}
