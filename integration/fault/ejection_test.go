package fault

import (
	"fmt"
	"strings"
	"testing"
)

// logged waits until the log has so many lines with the message.
func (s *stage) logged(message string, n int) {
	s.t.Helper()
	eventually(s.t, func() error {
		if got := strings.Count(s.Log(), fmt.Sprintf(`"msg":%q`, message)); got < n {
			return fmt.Errorf("the log has %q %d times, waiting for %d", message, got, n)
		}
		return nil
	})
}

// A backend that takes connections and fails all requests is ejected, for longer
// each time. It costs no more than the requests that find out: those that are
// under way the first time, and on each return exactly one.
func TestEjected(t *testing.T) {
	const clients, maxFails, ejections = 16, 3, 4
	for _, retries := range []string{"", retriesWithoutLimit} {
		s := newStage(t, layout{
			backends: 3, health: "health_interval off",
			pool: fmt.Sprintf("max_fails %d\neject_time 100ms 10s\n%s", maxFails, retries),
		})
		name := "a backend fails all, is ejected, and returns"
		if retries != "" {
			name += ", with retries"
		}
		c := s.run(name)
		b := s.backends[0]
		b.play(func(call *call) bool {
			goesOn := failing(call)
			if retries != "" {
				call.retried()
			}
			return goesOn
		})
		before := b.requests.Load()
		load := c.load(clients, always(newGet))
		s.logged("backend ejected", 1)
		eventually(t, func() error {
			if n := b.active.now.Load(); n > 0 {
				return fmt.Errorf("%d requests from before the ejection", n)
			}
			return nil
		})
		b.active.peak.Store(0)
		s.logged("backend ejected", ejections)
		if got := b.requests.Load() - before; got > maxFails+clients+ejections {
			t.Errorf("%d requests came to the backend that fails all of them", got)
		}
		if peak := b.active.peak.Load(); peak != 1 {
			t.Errorf("on its returns, the backend had %d requests at once", peak)
		}
		b.play(answer)
		s.logged("backend returned", 1)
		received := b.requests.Load()
		load.more(t, 300)
		if b.requests.Load() < received+50 {
			t.Error("the backend gets no share after its return")
		}
		load.end()
		c.check(c.expected())
	}
}

// All backends fail: no more are ejected than may be, all errors are those of
// the backends, and as soon as these work all is well, without waiting.
func TestNotAllEjected(t *testing.T) {
	s := newStage(t, layout{backends: 4, health: "health_interval off", pool: "max_fails 2\neject_time 1h"})
	c := s.run("all backends fail, and half of them are ejected")
	for _, b := range s.backends {
		b.play(failing)
	}
	c.send(16, scale(400, 8000), newGet)
	s.waitAccepting(2)
	for _, b := range s.backends {
		b.play(answer)
	}
	n := c.tally.goods()
	c.send(16, 200, newGet)
	if got := c.tally.goods() - n; got != 200 {
		t.Errorf("%d of 200 requests went well after the backends did", got)
	}
	c.check(c.expected())
}
