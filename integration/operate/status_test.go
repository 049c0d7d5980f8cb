package operate

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

// The status says what is after each step, and why.
func TestStatusTellsTheTruth(t *testing.T) {
	release := make(chan struct{})
	first, second, dead := startServer(t, "first"), startServer(t, "second"), startServer(t, "dead")
	first.held.Store(&release)
	dead.down()
	s := serve(t, t.TempDir(), "health_uri /health\nhealth_interval 100ms", first)
	s.counts(1, 1)
	s.stands("first", serves)

	// what is added serves once it is well
	add := func(b *server) {
		t.Helper()
		s.do(http.MethodPost, "/backends", fmt.Sprintf(`{"id": %q, "address": %q}`, b.id, b.addr), http.StatusCreated)
	}
	add(dead)
	s.stands("dead", standing{State: "down", Reason: "down: connection refused"})
	s.counts(2, 1)
	add(second)
	s.stands("second", serves)
	s.counts(3, 2)
	if err := dead.up(); err != nil {
		t.Fatal(err)
	}
	s.stands("dead", serves)
	s.counts(3, 3)
	dead.down()
	s.stands("dead", standing{State: "down", Reason: "down: connection refused"})

	// what drains says what it waits for
	answered := make(chan error, 1)
	s.do(http.MethodPatch, backendPath("second"), `{"admin_state": "maintenance"}`, http.StatusOK)
	s.stands("second", outOfService)
	s.counts(3, 1)
	go func() {
		resp, err := adminClient.Get("http://" + s.front + "/hold")
		if err == nil {
			err = resp.Body.Close()
		}
		answered <- err
	}()
	s.waitInFlight("first", 1)
	s.do(http.MethodPatch, backendPath("second"), `{"admin_state": "ready"}`, http.StatusOK)
	s.stands("second", serves)
	drain := s.do(http.MethodPost, backendPath("first")+"/drain", `{"deadline": "1m", "then": "remove"}`, http.StatusAccepted)
	if !strings.Contains(drain, `"waiting_for":"1 request"`) {
		t.Errorf("the drain says: %s", drain)
	}
	if got := s.backend("first").standing; got.State != "draining" || got.Accepting || !strings.HasPrefix(got.Reason, "draining") {
		t.Errorf("a backend that drains stands so: %+v", got)
	}
	s.counts(3, 1)
	close(release)
	if err := <-answered; err != nil {
		t.Error(err)
	}
	process.Eventually(t, func() error {
		if status, answer, err := s.call(http.MethodGet, backendPath("first"), ""); err != nil || status != http.StatusNotFound {
			return fmt.Errorf("after the drain, the backend is there: status %d: %w: %s", status, err, answer)
		}
		return nil
	})
	s.counts(2, 1)

	// the last one that serves is kept, unless it is meant
	refused := s.do(http.MethodDelete, backendPath("second"), "", http.StatusUnprocessableEntity)
	if !strings.Contains(refused, `"code":"none_accepting"`) {
		t.Errorf("refused with %s", refused)
	}
	s.stands("second", serves)
	s.do(http.MethodDelete, backendPath("second")+"?force=true", "", http.StatusNoContent)
	s.counts(1, 0)
	resp, err := adminClient.Get("http://" + s.front)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("with no backend that serves: status %d", resp.StatusCode)
	}
}

// counts compares how many backends there are, and how many accept.
func (s *site) counts(total, accepting int) {
	s.t.Helper()
	if p := s.pool(); p.Total != total || p.Accepting != accepting {
		s.t.Errorf("%d of %d backends accept, want %d of %d", p.Accepting, p.Total, accepting, total)
	}
}

func (s *site) waitInFlight(id string, n int) {
	s.t.Helper()
	process.Eventually(s.t, func() error {
		if got := s.backend(id).InFlight; got != n {
			return fmt.Errorf("%s has %d requests in flight, want %d", id, got, n)
		}
		return nil
	})
}
