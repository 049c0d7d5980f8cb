package fault

import "testing"

// When all requests fail, retries must not multiply them: what backends get is
// what clients have sent and the retries that the pool has counted, and those
// stay within the budget.
func TestRetryStorm(t *testing.T) {
	s := newStage(t, layout{backends: 3, pool: "lb_retries 3"})
	c := s.run("all backends reset all requests, with three retries")
	for _, b := range s.backends {
		b.play(func(call *call) bool {
			call.failed(status(502))
			reset(call.conn)
			return false
		})
	}
	received, before := s.received(), s.pool()
	n := scale(1000, 10000)
	c.send(32, n, newGet)
	for _, b := range s.backends {
		b.play(answer)
	}
	after := s.pool()
	retries, refused := int64(after.Retries-before.Retries), after.RetriesRefused-before.RetriesRefused
	if got := s.received() - received; got != int64(n)+retries {
		t.Errorf("backends got %d requests; clients sent %d, and %d were retried", got, n, retries)
	}
	// the budget is 20 % of the 32 that are active: six at a time
	if retries > int64(n) || refused == 0 {
		t.Errorf("of %d requests, %d were retried and %d were not for want of budget", n, retries, refused)
	}
	c.check(c.expected())
}

// A backend that is not there costs no request, since those that cannot be sent
// to it need no room in the budget.
func TestRefused(t *testing.T) {
	s := newStage(t, layout{backends: 3, health: "health_interval off", pool: "lb_retries 1"})
	c := s.run("a backend refuses connections, with retries within the budget")
	s.backends[0].down()
	before, n := s.pool().Retries, scale(600, 6000)
	c.send(32, n, newAsk)
	if got := int(s.pool().Retries - before); got < n/3 || got > n/2 {
		t.Errorf("%d of %d requests were retried, want a third", got, n)
	}
	s.backends[0].up(t)
	c.check(nil)
}
