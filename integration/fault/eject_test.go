package fault

import (
	"fmt"
	"sync"
	"testing"
)

// failing fails all requests. Something of a response is sent first, so that
// none is repeated because its connection may have been closed before it came.
func failing(c *call) bool {
	c.failed(status(502))
	c.write(c.responseHead()[:20])
	reset(c.conn)
	return false
}

// waitState returns once the admin API says of the first backend that it is in
// the state.
func (s *stage) waitState(want string) {
	s.t.Helper()
	eventually(s.t, func() error {
		for _, b := range s.pool().Backends {
			if b.Address == s.backends[0].addr {
				if b.State == want {
					return nil
				}
				return fmt.Errorf("the backend is %q (%s), want %q", b.State, b.Reason, want)
			}
		}
		return fmt.Errorf("the backend is not there")
	})
}

// A backend that fails is ejected. When it returns it gets exactly one request
// at a time, however many there are, until one succeeds.
func TestEjection(t *testing.T) {
	const clients = 8
	s := newStage(t, layout{backends: 3, health: "health_interval off", pool: "max_fails 3\neject_time 300ms 600ms"})
	c := s.run("a backend fails, is ejected, and proves itself")
	b := s.backends[0]
	load := c.load(clients, always(newGet))
	for round := range scale(2, 10) {
		before := b.requests.Load()
		b.play(failing)
		s.waitState("ejected")
		if got := b.requests.Load() - before; got < 3 || got > 3+2*clients {
			t.Errorf("round %d: it was ejected after %d failures", round, got)
		}
		load.more(t, 50) // so that nobody is on the way to it
		// the first request that it gets then is held, and fails; the next one
		// is held, and does not
		verdict := make(chan script)
		release := sync.OnceFunc(func() { close(verdict) })
		t.Cleanup(release)
		b.play(func(c *call) bool {
			if how := <-verdict; how != nil {
				return how(c)
			}
			return answer(c)
		})
		for _, how := range []script{failing, answer} {
			before = b.requests.Load()
			s.waitState("probing")
			s.waitRequests(b, before+1)
			load.more(t, 200)
			if got := b.requests.Load() - before; got != 1 {
				t.Errorf("round %d: while one request is tried, the backend got %d", round, got)
			}
			verdict <- how
		}
		release()
		b.play(answer)
		s.waitState("up")
		s.waitRequests(b, b.requests.Load()+20)
	}
	load.end()
	c.check(c.expected())
}

// waitRequests returns once the backend has had that many requests.
func (s *stage) waitRequests(b *backend, n int64) {
	s.t.Helper()
	eventually(s.t, func() error {
		if got := b.requests.Load(); got < n {
			return fmt.Errorf("the backend got %d requests, want %d", got, n)
		}
		return nil
	})
}

// A backend that fails two requests of three, and is to be ejected after three in
// a row, stays.
func TestFailuresBelowThreshold(t *testing.T) {
	s := newStage(t, layout{backends: 3, health: "health_interval off", pool: "max_fails 3\neject_time 10s"})
	c := s.run("a backend fails below the threshold")
	n := 0
	s.backends[0].play(func(c *call) bool {
		if n++; n%3 == 0 {
			return answer(c)
		}
		return failing(c)
	})
	c.send(1, scale(90, 900), newGet)
	if want := scale(30, 300); n != want {
		t.Errorf("the backend got %d requests, want a third: %d", n, want)
	}
	s.backends[0].play(answer)
	c.check(c.expected())
}

// However all backends fail, the last one that accepts is never ejected.
func TestAllFail(t *testing.T) {
	s := newStage(t, layout{backends: 3, health: "health_interval off", pool: "max_fails 1\neject_time 10s\nmax_ejected 100"})
	c := s.run("all backends fail, and one stays all the same")
	for _, b := range s.backends {
		b.play(failing)
	}
	received, n := s.received(), scale(200, 2000)
	c.send(8, n, newGet)
	if got := s.received() - received; got != int64(n) {
		t.Errorf("%d of %d requests came to a backend", got, n)
	}
	for _, b := range s.backends {
		b.play(answer)
	}
	c.check(c.expected())
}

// A backend that comes back gets a tenth of its weight at first.
func TestSlowStart(t *testing.T) {
	s := newStage(t, layout{backends: 3, pool: "slow_start 10m"})
	c := s.run("a backend comes back with `slow_start`")
	b := s.backends[0]
	b.sick.Store(true)
	s.waitAccepting(2)
	c.send(8, 100, newGet)
	b.sick.Store(false)
	s.waitAccepting(3)
	s.waitRequestsOf(c, b)
	// 0.1 of 2.1, and a little more with each second that goes by
	before, n := b.requests.Load(), scale(420, 2100)
	c.send(8, n, newGet)
	if got, want := int(b.requests.Load()-before), n/21; got < want-2 || got > 2*want {
		t.Errorf("of %d requests the backend got %d, want about %d", n, got, want)
	}
	c.check(nil)
}

// waitRequestsOf sends requests until the backend gets one.
func (s *stage) waitRequestsOf(c *scenario, b *backend) {
	s.t.Helper()
	before := b.requests.Load()
	eventually(s.t, func() error {
		if c.send(1, 1, newGet); b.requests.Load() == before {
			return fmt.Errorf("the backend gets no requests")
		}
		return nil
	})
}
