package admin

import (
	"testing"
	"testing/synctest"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// TestChangeOfDownPool changes a pool whose backends went down a moment ago,
// before requests have noticed: nothing is lost by a change then, so none is
// refused.
func TestChangeOfDownPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newAPI(t, two())
		synctest.Wait()
		p, ok := s.registry.Lookup("web")
		if !ok {
			t.Fatal("no pool")
		}
		for _, m := range p.Snapshot().Members {
			p.SetHealth(m.Backend, pool.Down, "test")
		}
		for _, op := range []operation{
			{"PATCH", oneBackend, `{"weight": 3}`},
			{"PATCH", oneBackend, `{"admin_state": "drain"}`},
			{"DELETE", oneBackend, ""},
		} {
			if w := s.direct(t.Context(), op.method, op.path, op.body); w.Code >= 300 {
				t.Errorf("%s %s: status %d: %s", op.method, op.body, w.Code, w.Body)
			}
		}
	})
}
