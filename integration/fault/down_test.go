package fault

import (
	"fmt"
	"testing"
	"time"
)

// waitAccepting returns once that many backends accept requests.
func (s *stage) waitAccepting(n int) {
	s.t.Helper()
	eventually(s.t, func() error {
		if p := s.pool(); p.Accepting != n {
			return fmt.Errorf("%d backends accept requests, want %d: %+v", p.Accepting, n, p.Backends)
		}
		return nil
	})
}

// until returns once a request gets what is wanted. Those that it needs are
// not of the scenario: health checks and the admin API see a change some
// milliseconds before the requests do.
func (s *stage) until(want class) {
	s.t.Helper()
	c := client{addr: s.front}
	defer c.close()
	eventually(s.t, func() error {
		if o := c.do(newGet()); o.class != want {
			return fmt.Errorf("a request got %q, want %q: %w", o.class, want, o.err)
		}
		return nil
	})
}

// received returns how many requests have come to the backends.
func (s *stage) received() (n int64) {
	for _, b := range s.backends {
		n += b.requests.Load()
	}
	return n
}

// sicken has health checks fail, or pass again.
func (s *stage) sicken(sick bool) {
	for _, b := range s.backends {
		b.sick.Store(sick)
	}
}

// While no backend is up every request gets a 503 at once, and no backend a
// request. As soon as they are up all go well, and none gets more than it may.
func TestAllDown(t *testing.T) {
	const most = 4
	s := newStage(t, layout{backends: 3, pool: fmt.Sprintf("unhealthy_request_count %d", most)})
	c := s.run("all down, then up")
	c.send(most, scale(100, 1000), newAsk)
	s.sicken(true)
	s.waitAccepting(0)
	s.until(status(503))
	received, n := s.received(), scale(200, 2000)
	start := time.Now()
	c.send(16, n, newAsk)
	if each := 16 * time.Since(start) / time.Duration(n); each > time.Second {
		t.Errorf("a request took %s; a 503 should come at once", each)
	}
	if got := s.received() - received; got != 0 {
		t.Errorf("%d requests came to backends that are down", got)
	}
	for _, b := range s.backends {
		b.active.peak.Store(0)
	}
	s.sicken(false)
	s.waitAccepting(3)
	s.until(good)
	c.send(most, scale(200, 2000), newAsk)
	for _, b := range s.backends {
		if peak := b.active.peak.Load(); peak > most {
			t.Errorf("a backend that came up got %d requests at once, with a limit of %d", peak, most)
		}
	}
	c.checkCount(status(503), n)
}

// Requests that wait for a backend do not all fall on the first one that comes
// up: it gets as many at a time as it may have, and all are answered.
func TestNoHerd(t *testing.T) {
	const most = 3
	s := newStage(t, layout{backends: 3, pool: fmt.Sprintf("unhealthy_request_count %d\nlb_try_duration 50s\nlb_try_interval 20ms", most)})
	c := s.run("all down, 64 clients wait, one comes up")
	s.sicken(true)
	s.waitAccepting(0)
	load := c.load(64, times(scale(128, 1024), newGet))
	load.inFlight(t, 64)
	s.backends[0].active.peak.Store(0)
	s.backends[0].open.peak.Store(0)
	s.backends[0].sick.Store(false)
	load.running.Wait()
	b := s.backends[0]
	if peak := b.active.peak.Load(); peak > most {
		t.Errorf("the backend got %d requests at once, with a limit of %d", peak, most)
	}
	if peak := b.open.peak.Load(); peak > most+1 {
		t.Errorf("the backend had %d connections at once, for %d requests and a health check", peak, most)
	}
	s.sicken(false)
	s.waitAccepting(3)
	c.check(nil)
}
