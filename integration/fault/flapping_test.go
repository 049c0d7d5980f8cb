package fault

import (
	"fmt"
	"sync/atomic"
	"testing"
)

// Health checks that fail and pass in turn never reach a threshold of two in a
// row: the backend stays in, and gets its share exactly.
func TestFlappingBelowThreshold(t *testing.T) {
	s := newStage(t, layout{backends: 3, health: "health_uri /health\nhealth_interval 50ms\nhealth_timeout 5s\nhealth_passes 2\nhealth_fails 2"})
	c := s.run("health checks fail and pass in turn, below the thresholds")
	b := s.backends[0]
	b.flapping.Store(1)
	probes, received := b.probes.Load(), b.requests.Load()
	n := 0
	eventually(t, func() error {
		c.send(3, 30, newAsk)
		n += 30
		if got := b.probes.Load() - probes; got < 10 {
			return fmt.Errorf("%d health checks", got)
		}
		return nil
	})
	if got := b.requests.Load() - received; got != int64(n/3) {
		t.Errorf("the backend got %d of %d requests, want a third", got, n)
	}
	b.flapping.Store(0)
	c.check(nil)
}

// Health checks that reach both thresholds take a backend out and in, time and
// again. It is well all the while, so there is nothing that could fail.
func TestFlappingAtThreshold(t *testing.T) {
	s := newStage(t, layout{backends: 3, health: "health_uri /health\nhealth_interval 50ms\nhealth_timeout 5s\nhealth_passes 2\nhealth_fails 2"})
	c := s.run("health checks flap at the thresholds")
	b := s.backends[0]
	b.flapping.Store(2)
	probes := b.probes.Load()
	load := c.load(8, always(newAsk))
	eventually(t, func() error {
		if got := b.probes.Load() - probes; got < int64(scale(20, 100)) {
			return fmt.Errorf("%d health checks", got)
		}
		return nil
	})
	load.end()
	b.flapping.Store(0)
	s.waitAccepting(3)
	c.check(nil)
}

// A backend that is down really comes and goes under load. With retries nobody
// notices what must not be repeated excepted.
func TestBackendComesAndGoes(t *testing.T) {
	s := newStage(t, layout{backends: 3, pool: retriesWithoutLimit})
	c := s.run("a backend that is killed and started time and again, with retries")
	load := c.load(16, always(newGet))
	for range scale(3, 30) {
		s.backends[0].down()
		load.more(t, 200)
		s.backends[0].up(t)
		s.waitAccepting(3)
		before := s.backends[0].requests.Load()
		eventually(t, func() error {
			if s.backends[0].requests.Load() == before {
				return fmt.Errorf("the backend gets no requests after it is back")
			}
			return nil
		})
	}
	load.end()
	c.check(c.expected())
}

// flaps reports whether a health check fails that fails and passes in turn,
// each n times in a row.
func flaps(n int64, probe *atomic.Int64) bool {
	return n > 0 && probe.Load()/n%2 == 1
}
