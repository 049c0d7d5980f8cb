package admin

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// TestFirstCheck measures how long the answer to an addition takes, by what the
// first health check does.
func TestFirstCheck(t *testing.T) {
	for name, c := range map[string]struct {
		takes     time.Duration
		health    pool.Health
		state     string
		wait      time.Duration
		accepting bool
	}{
		"passes at once":   {health: pool.Up, wait: 2 * time.Millisecond, accepting: true},
		"passes soon":      {takes: 50 * time.Millisecond, health: pool.Up, wait: 52 * time.Millisecond, accepting: true},
		"passes too late":  {takes: time.Second, health: pool.Up, wait: 100 * time.Millisecond},
		"fails soon":       {takes: 50 * time.Millisecond, health: pool.Down, wait: 52 * time.Millisecond},
		"never ends":       {health: pool.Unknown, wait: 100 * time.Millisecond},
		"of a draining":    {takes: time.Second, health: pool.Up, state: `, "admin_state": "drain"`},
		"of one in repair": {takes: time.Second, health: pool.Up, state: `, "admin_state": "maintenance"`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newAPI(t, two())
				synctest.Wait()
				s.monitor.check = func(*pool.Backend) pool.Health {
					time.Sleep(c.takes) // in the bubble's time
					return c.health
				}
				for _, op := range []operation{
					{"POST", allBackends, `{"address": "127.0.0.1:9009"` + c.state + `}`},
					{"PUT", allBackends, `[{"address": "127.0.0.1:9001"}, {"address": "127.0.0.1:9010"` + c.state + `}]`},
				} {
					start := time.Now()
					w := s.direct(t.Context(), op.method, op.path, op.body)
					if got := time.Since(start); w.Code >= 300 || got > c.wait+time.Millisecond || got < c.wait-2*time.Millisecond {
						t.Errorf("%s: answered %d after %s, want %s", op.method, w.Code, got, c.wait)
					}
					if got := strings.Count(w.Body.String(), `"accepting":true`); (got == strings.Count(op.body, "address")) != c.accepting {
						t.Errorf("%s: got %s", op.method, w.Body)
					}
				}
			})
		})
	}
}

// TestFirstCheckOfGoneClient makes sure that nothing waits for a client that
// has left.
func TestFirstCheckOfGoneClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newAPI(t, two())
		s.monitor.check = func(*pool.Backend) pool.Health { return pool.Unknown }
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		start := time.Now()
		s.direct(ctx, "POST", allBackends, newBackend)
		if got := time.Since(start); got > 0 {
			t.Errorf("waited %s", got)
		}
	})
}
