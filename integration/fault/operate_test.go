package fault

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// Reloads under load lose nothing. A request that was still in the queue of the
// listener which a reload replaces, or on an idle connection that it closes, was
// seen by nobody; HTTP has its client repeat it.
func TestReloads(t *testing.T) {
	access := filepath.Join(t.TempDir(), "access.log")
	s := newStage(t, layout{backends: 3, access: access})
	n := scale(10, 50)
	c := s.run(fmt.Sprintf("%d reloads under load", n))
	load := c.load(8, always(newAsk))
	for i := range n {
		s.layout.pool = fmt.Sprintf("lb_retries %d", i%2+1)
		s.reload()
		load.more(t, 20)
	}
	load.end()
	c.forgive(access)
	c.check(nil)
}

// reload loads the config anew.
func (s *stage) reload() {
	s.t.Helper()
	code, body, err := s.call(http.MethodPost, "/load", "text/caddyfile", s.config())
	if err != nil || code != http.StatusOK {
		s.t.Errorf("reload: status %d: %v: %s", code, err, body)
	}
}

// forgive takes those requests out of the tally that nobody has seen: their
// clients got nothing at all, and they are not in the access log.
func (c *scenario) forgive(access string) {
	c.t.Helper()
	log, err := os.ReadFile(access)
	if err != nil {
		c.t.Fatal(err)
	}
	for id, o := range c.tally.outcomes {
		if o.class == cut && !o.begun && !bytes.Contains(log, []byte(o.path())) {
			delete(c.tally.bad, id)
			delete(c.tally.outcomes, id)
		}
	}
}

// Thousands of changes through the admin API, by several operators at a time:
// nothing is lost, and each change is answered as it must be.
func TestAdminChanges(t *testing.T) {
	s := newStage(t, layout{backends: 3, race: *long})
	changes := scale(400, 5000)
	c := s.run(fmt.Sprintf("%d changes through the admin API under load", changes))
	load := c.load(8, always(newAsk))
	var operators sync.WaitGroup
	const operatorCount = 4
	for range operatorCount {
		extra := startBackend(t, answer)
		s.backends = append(s.backends, extra)
		operators.Go(func() {
			for range changes / operatorCount / len(shift(extra.addr)) {
				for _, x := range shift(extra.addr) {
					code, body, err := s.call(x.method, "/load_balance/pools/web/backends"+x.path, "application/json", x.body)
					if err != nil || code != x.want {
						t.Errorf("%s %s %s: status %d, want %d: %v: %s", x.method, x.path, x.body, code, x.want, err, body)
						return
					}
				}
			}
		})
	}
	operators.Wait()
	load.more(t, 100)
	load.end()
	if p := s.pool(); p.Total != 3 || p.Accepting != 3 {
		t.Errorf("the pool has %d backends, and %d accept requests; want 3", p.Total, p.Accepting)
	}
	c.check(nil)
}

// change is a call of the admin API.
type change struct {
	method, path, body string
	want               int
}

// shift is what an operator does with a backend.
func shift(addr string) []change {
	id := "/" + url.PathEscape(addr)
	return []change{
		{http.MethodPost, "", fmt.Sprintf(`{"address": %q, "weight": 2}`, addr), http.StatusCreated},
		{http.MethodPost, "", fmt.Sprintf(`{"address": %q}`, addr), http.StatusConflict},
		{http.MethodPatch, id, `{"weight": 7, "max_requests": 3}`, http.StatusOK},
		{http.MethodPatch, id, `{"admin_state": "drain"}`, http.StatusOK},
		{http.MethodGet, id, "", http.StatusOK},
		{http.MethodPatch, id, `{"admin_state": "ready", "max_requests": 0}`, http.StatusOK},
		{http.MethodPatch, id, `{"admin_state": "maintenance"}`, http.StatusOK},
		{http.MethodPatch, id, `{"admin_state": "ready", "weight": 1}`, http.StatusOK},
		{http.MethodDelete, id, "", http.StatusNoContent},
		{http.MethodDelete, id, "", http.StatusNotFound},
	}
}
