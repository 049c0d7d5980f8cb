package pool

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// queueing returns the definition of a pool with a queue, and a backend for each
// of the limits; 0 is none.
func queueing(t testing.TB, size int, timeout time.Duration, limits ...int) *Definition {
	def := &Definition{Policy: rotate{}, Queue: QueueLimits{Size: size, Timeout: timeout}}
	for i, limit := range limits {
		def.Backends = append(def.Backends, spec(t, config.Backend{
			Address: fmt.Sprintf("10.0.0.%d:80", i+1), ID: string(rune('a' + i)), MaxRequests: limit,
		}))
	}
	return def
}

// guest is a request that gets a slot, after waiting if need be.
type guest struct {
	Request
	pool   *Pool
	until  time.Time
	cancel context.CancelFunc
	took   time.Duration
	m      *Member
	err    error
	done   chan struct{}
}

// come has a request come in, and waits until it has got a slot, or none, or
// waits. It is to be called in a bubble.
func come(p *Pool) *guest { return (&guest{pool: p}).come() }

func (g *guest) come() *guest {
	ctx, cancel := context.WithCancel(context.Background())
	g.cancel, g.done = cancel, make(chan struct{})
	go func() {
		defer close(g.done)
		began := time.Now()
		if g.m, g.err = g.pool.Acquire(&g.Request); g.err != nil {
			g.m, g.err = g.pool.Wait(ctx, &g.Request, g.until)
		}
		g.took = time.Since(began)
	}()
	synctest.Wait()
	return g
}

// state is `waits`, the id of the backend that the request has a slot on, or
// the error.
func (g *guest) state() string {
	synctest.Wait()
	select {
	case <-g.done:
	default:
		return "waits"
	}
	if g.err != nil {
		return g.err.Error()
	}
	return g.m.ID()
}

func (g *guest) leave() { g.m.Release() }

// wantStates checks the states of guests.
func wantStates(t *testing.T, guests []*guest, states ...string) {
	t.Helper()
	for i, g := range guests {
		if got := g.state(); got != states[i] {
			t.Errorf("request %d: %s, want %s", i, got, states[i])
		}
	}
}

// wantEnd checks how, and after what time, a request ended that got no slot.
func wantEnd(t *testing.T, g *guest, err error, took time.Duration) {
	t.Helper()
	if state := g.state(); !errors.Is(g.err, err) || g.took != took {
		t.Errorf("%s after %s, want %v after %s", state, g.took, err, took)
	}
}

func wantQueue(t *testing.T, p *Pool, length int64) {
	t.Helper()
	v := p.View()
	if v.Queue.Length != length {
		t.Errorf("%d requests wait, want %d", v.Queue.Length, length)
	}
	if length > 0 {
		return
	}
	if n := p.queue.general.Load(); n != 0 || p.queue.any.head != nil || len(p.queue.own) > 0 {
		t.Errorf("the queue is not empty: %d, %v, %v", n, p.queue.any.head, p.queue.own)
	}
	for _, m := range p.Snapshot().Members {
		if n := m.awaited.Load(); n != 0 {
			t.Errorf("somebody with the ticket %d waits for backend %s", n, m.id)
		}
	}
}

// Who comes first is served first, by the slot that becomes free first.
func TestQueueIsFirstInFirstOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestPool(t, nil, queueing(t, 10, time.Minute, 1, 1))
		first := []*guest{come(p), come(p)}
		rest := []*guest{come(p), come(p), come(p)}
		wantStates(t, rest, "waits", "waits", "waits")
		wantQueue(t, p, 3)
		time.Sleep(time.Second)
		slot := first[1].m.ID()
		first[1].leave()
		wantStates(t, rest, slot, "waits", "waits")
		if w := rest[0].Waited(); w != time.Second {
			t.Errorf("waited %s", w)
		}
		rest[0].leave()
		wantStates(t, rest[1:], slot, "waits")
		first[0].leave()
		wantStates(t, rest[2:], first[0].m.ID())
		rest[1].leave()
		rest[2].leave()
		wantQueue(t, p, 0)
	})
}

// Nobody overtakes those who wait: also not where one does not wait at all, or
// where one that was refused leaves the backends as full as they were.
func TestNobodyOvertakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestPool(t, nil, queueing(t, 10, time.Minute, 1))
		first, second := come(p), come(p)
		// as if a slot became free and its release did not get on
		first.m.inFlight.Add(-1)
		if _, err := p.Acquire(&Request{}); !errors.Is(err, ErrAllFull) {
			t.Errorf("error %v", err)
		}
		third := come(p)
		wantStates(t, []*guest{second, third}, "waits", "waits")
		first.m.inFlight.Add(1)
		first.leave()
		wantStates(t, []*guest{second, third}, "a", "waits")
		second.leave()
		wantStates(t, []*guest{third}, "a")
		third.leave()
	})
}

func TestWaitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestPool(t, nil, queueing(t, 3, 5*time.Second, 1))
		first := come(p)
		inTime := come(p)
		short := (&guest{pool: p, until: time.Now().Add(2 * time.Second)}).come()
		gone := come(p)
		full := come(p)
		wantStates(t, []*guest{inTime, short, gone, full}, "waits", "waits", "waits", "queue is full: 3 requests wait for a backend")
		gone.cancel()
		wantStates(t, []*guest{inTime, short, gone}, "waits", "waits", "context canceled")
		late := come(p)
		time.Sleep(time.Hour)
		for _, test := range []struct {
			*guest
			took time.Duration
		}{{inTime, 5 * time.Second}, {short, 2 * time.Second}, {late, 5 * time.Second}} {
			want := fmt.Sprintf("timed out waiting %s for a backend: all accepting backends have reached max_requests", test.took)
			wantStates(t, []*guest{test.guest}, want)
			wantEnd(t, test.guest, ErrWaitedTooLong, test.took)
			wantEnd(t, test.guest, ErrAllFull, test.took)
		}
		wantQueue(t, p, 0)
		v := p.View().Queue
		if v.Waited != 4 || v.TimedOut != 3 || v.Left != 1 || v.Refused != 1 || v.Served != 0 {
			t.Errorf("%+v", v)
		}
		first.leave()
		if n := p.Snapshot().Members[0].InFlight(); n != 0 {
			t.Errorf("%d in flight", n)
		}
	})
}

// All waits of one request together are not longer than the timeout.
func TestWaitsAddUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestPool(t, nil, queueing(t, 3, 5*time.Second, 1))
		first, second := come(p), come(p)
		time.Sleep(3 * time.Second)
		first.leave()
		wantStates(t, []*guest{second}, "a")
		second.leave()
		first = come(p)
		second.come()
		time.Sleep(time.Hour)
		wantEnd(t, second, ErrWaitedTooLong, 2*time.Second)
		first.leave()
	})
}

// A pool that no config has any more serves those who wait as long as it has
// backends that accept. What is ended is ended for those who come later, too.
func TestPoolThatIsClosedEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(nil)
		p, err := r.Acquire("test")
		must(t, err)
		p.Commit("config", queueing(t, 3, time.Hour, 1))
		first, second, third := come(p), come(p), come(p)
		p.Withdraw("config")
		wantStates(t, []*guest{second, third}, "waits", "waits")
		first.leave()
		wantStates(t, []*guest{second, third}, "a", "waits")
		must(t, r.Release("test"))
		wantEnd(t, third, ErrClosed, 0)
		wantEnd(t, come(p), ErrClosed, 0)
		second.leave()
		last := come(p)
		wantStates(t, []*guest{last}, "a")
		last.leave()
		wantQueue(t, p, 0)
	})
}

// Where no backend accepts, and no config is left that could change it, waiting
// is in vain, until there is one again.
func TestPoolThatHasEndedIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestPool(t, nil, queueing(t, 3, time.Hour))
		g := come(p)
		p.Withdraw("config 1")
		wantEnd(t, g, ErrClosed, 0)
		wantEnd(t, come(p), ErrClosed, 0)
		p.Commit("config 2", queueing(t, 3, time.Hour))
		g = come(p)
		wantStates(t, []*guest{g}, "waits")
		p.Commit("config 2", queueing(t, 3, time.Hour, 1))
		wantStates(t, []*guest{g}, "a")
		g.leave()
	})
}

// A pool that has no backend which accepts, or none at all, lets requests wait
// if it has a queue, and else not.
func TestWaitsForBackendToAccept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		def := queueing(t, 10, time.Minute, 2, 0)
		p := newTestPool(t, nil, def)
		for _, m := range p.Snapshot().Members {
			p.SetHealth(m.Backend, Down, "refused")
		}
		time.Sleep(time.Second)
		guests := []*guest{come(p), come(p), come(p)}
		wantStates(t, guests, "waits", "waits", "waits")
		p.SetHealth(p.Snapshot().Members[0].Backend, Up, "")
		time.Sleep(time.Second)
		wantStates(t, guests, "a", "a", "waits")
		must(t, p.Patch("a", Patch{MaxRequests: ptr(3)}, Options{}))
		wantStates(t, guests[2:], "a")
		guests = append(guests, come(p))
		wantStates(t, guests[3:], "waits")
		_, err := p.Add(spec(t, config.Backend{Address: "10.0.0.9:80", ID: "c"}), Options{})
		must(t, err)
		wantStates(t, guests[3:], "waits") // it has to pass a probe first
		p.SetHealth(p.Snapshot().Find("c").Backend, Up, "")
		time.Sleep(time.Second)
		wantStates(t, guests[3:], "c")
		for _, g := range guests {
			g.leave()
		}
		wantQueue(t, p, 0)

		must(t, p.Replace(nil, Options{Force: true}))
		g := come(p)
		wantStates(t, []*guest{g}, "waits")
		time.Sleep(time.Hour)
		wantEnd(t, g, ErrNoBackend, time.Minute)
		noQueue := *def
		noQueue.Queue = QueueLimits{}
		p.Commit("config 1", &noQueue)
		wantEnd(t, come(p), ErrNoBackend, 0)
	})
}

// Without a queue, requests wait that have a time for it, and no others.
func TestWaitWithoutQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestPool(t, nil, queueing(t, 0, 0, 1))
		first := come(p)
		patient := (&guest{pool: p, until: time.Now().Add(time.Second)}).come()
		second := (&guest{pool: p, until: time.Now().Add(time.Second)}).come()
		wantStates(t, []*guest{patient, come(p)}, "waits", ErrAllFull.Error())
		first.leave()
		wantStates(t, []*guest{patient, second}, "a", "waits")
		time.Sleep(time.Minute)
		wantEnd(t, second, ErrWaitedTooLong, time.Second)
		patient.leave()
		wantQueue(t, p, 0)
	})
}

// Who waits goes on waiting over a reload, as long as it was promised, and is
// served as the new definition has it. The new limits are for newcomers.
func TestQueueSurvivesReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reload := func(p *Pool, n int, def *Definition) {
			p.Commit(n, def)
			p.Withdraw(n - 1)
		}
		p := newTestPool(t, nil, queueing(t, 3, time.Minute, 1))
		p.Commit(0, queueing(t, 3, time.Minute, 1))
		first := come(p)
		guests := []*guest{come(p), come(p), come(p)}
		reload(p, 1, queueing(t, 1, time.Second, 1))
		wantStates(t, guests, "waits", "waits", "waits")
		wantStates(t, []*guest{come(p)}, "queue is full: 3 requests wait for a backend")
		time.Sleep(30 * time.Second)
		wantStates(t, guests, "waits", "waits", "waits")
		first.leave()
		wantStates(t, guests, "a", "waits", "waits")
		reload(p, 2, queueing(t, 0, 0, 1))
		wantStates(t, guests[1:], "waits", "waits")
		wantStates(t, []*guest{come(p)}, ErrAllFull.Error())
		wantQueue(t, p, 2)
		def := queueing(t, 5, time.Hour, 1, 1)
		reload(p, 3, def)
		wantStates(t, guests[1:], "b", "waits")
		guests = append(guests, come(p))
		time.Sleep(40 * time.Second)
		wantEnd(t, guests[2], ErrWaitedTooLong, time.Minute)
		guests[0].leave()
		wantStates(t, guests[3:], "a")
		guests[1].leave()
		guests[3].leave()
		wantQueue(t, p, 0)
	})
}

// A limit that is lowered takes effect before anybody else is let in.
func TestQueueWithLoweredLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestPool(t, nil, queueing(t, 3, time.Minute, 2))
		first := []*guest{come(p), come(p)}
		g := come(p)
		must(t, p.Patch("a", Patch{MaxRequests: ptr(1)}, Options{}))
		first[0].leave()
		wantStates(t, []*guest{g}, "waits")
		first[1].leave()
		wantStates(t, []*guest{g}, "a")
		g.leave()
	})
}
