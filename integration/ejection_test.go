package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// wayBack is what the admin API shows of a backend on its way out and back.
type wayBack struct {
	State           string     `json:"state"`
	Accepting       bool       `json:"accepting"`
	Reason          string     `json:"reason"`
	EjectedUntil    *time.Time `json:"ejected_until"`
	Ejections       int        `json:"ejections"`
	Weight          int        `json:"weight"`
	EffectiveWeight float64    `json:"effective_weight"`
	SlowStartUntil  *time.Time `json:"slow_start_until"`
}

func (p *proc) wayBack(t *testing.T, id string) (w wayBack) {
	t.Helper()
	body := p.api(t, http.MethodGet, "/load_balance/pools/web/backends/"+id, "", http.StatusOK)
	if err := json.Unmarshal([]byte(body), &w); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return w
}

// waitProbing waits until the backend gets a request on trial, for the n-th time.
func (p *proc) waitProbing(t *testing.T, id string, n int) wayBack {
	t.Helper()
	eventually(t, func() error {
		if got := p.count(`"msg":"backend probing"`, `"backend":"`+id+`"`); got != n {
			return fmt.Errorf("%s was probing %d times, want %d", id, got, n)
		}
		return nil
	})
	return p.wayBack(t, id)
}

// waitWayBack waits until the backend is in the state.
func (p *proc) waitWayBack(t *testing.T, id, state string) (w wayBack) {
	t.Helper()
	eventually(t, func() error {
		if w = p.wayBack(t, id); w.State != state {
			return fmt.Errorf("%s is %+v, want %s", id, w, state)
		}
		return nil
	})
	return w
}

// TestEjectionAndReturn has a backend fail, fail again on its return, and work
// at last: what the admin API and the log say of it, and what clients see.
func TestEjectionAndReturn(t *testing.T) {
	t.Parallel()
	p := startPair(t, http.StatusInternalServerError, "weight 10", "", `
		max_fails 3
		eject_time 1s 30s
		unhealthy_status 5xx
		slow_start 1h`)
	for range 6 {
		p.ask(t)
	}
	w := p.waitWayBack(t, "bad", "ejected")
	if w.Accepting || w.Ejections != 1 || w.EjectedUntil == nil || w.Reason != "ejected: 3 failures in a row, the last: HTTP 500" {
		t.Errorf("%+v", w)
	}
	p.waitLog(t, `"msg":"backend ejected"`, `"backend":"bad"`, `3 failures in a row, the last: HTTP 500`)
	if got := counts(t, p.client, 4, p.url, "Backend"); got["good"] != 4 {
		t.Errorf("while one is ejected: %v", got)
	}

	w = p.waitProbing(t, "bad", 1)
	if w.State != "probing" || !w.Accepting || w.EjectedUntil != nil || !strings.HasPrefix(w.Reason, "returning: one request at a time") {
		t.Errorf("%+v", w)
	}
	tried := 0
	for range 4 {
		if p.ask(t) == "bad" {
			tried++
		}
	}
	if tried != 1 {
		t.Errorf("while one returns, and fails, it got %d requests", tried)
	}
	w = p.waitWayBack(t, "bad", "ejected")
	if w.Ejections != 2 || time.Until(*w.EjectedUntil) > 2200*time.Millisecond || w.Reason != "ejected: failed again after its return: HTTP 500" {
		t.Errorf("%+v", w)
	}

	p.failing.Store(false)
	p.waitProbing(t, "bad", 2)
	for range 2 {
		p.ask(t)
	}
	p.waitLog(t, `"msg":"backend returned"`, `"backend":"bad"`)
	w = p.waitWayBack(t, "bad", "up")
	if !w.Accepting || w.Reason != "" || w.Ejections != 2 || w.Weight != 10 || w.EffectiveWeight != 1 || w.SlowStartUntil == nil {
		t.Errorf("%+v", w)
	}
	if got := counts(t, p.client, 110, p.url, "Backend"); got["bad"] != 10 {
		t.Errorf("at the beginning of a slow start: %v", got)
	}
	if p.wayBack(t, "good").SlowStartUntil != nil {
		t.Error("the other one starts slowly")
	}
}

// TestLastBackendIsKept has all backends fail: the clients of the one that is
// kept see what it says, and its return needs no time.
func TestLastBackendIsKept(t *testing.T) {
	t.Parallel()
	front, only := freeAddr(t), freePort(t)
	failing := startFailing(t, only, "only", http.StatusBadGateway)
	p := startCaddy(t, fmt.Sprintf(`
http://%s {
	load_balance 127.0.0.1:%d {
		pool web
		max_fails 1
		fail_duration 1h
		unhealthy_status 502
	}
}
`, front, only), "caddyfile")
	client := newClient(t, nil)
	for range 5 {
		if a := get(t, client, "http://"+front); a.StatusCode != http.StatusBadGateway {
			t.Errorf("status %d", a.StatusCode)
		}
	}
	p.waitLog(t, `"msg":"backend not ejected"`, `it is the last backend that accepts; HTTP 502`)
	failing.Store(false)
	if a := get(t, client, "http://"+front); a.StatusCode != http.StatusOK {
		t.Errorf("status %d", a.StatusCode)
	}
	if n := p.count(`"msg":"backend not ejected"`); n != 1 {
		t.Errorf("the log says so %d times", n)
	}
}

// TestActiveCheckEndsEjection lets a backend that was ejected for long return
// as soon as its health check passes.
func TestActiveCheckEndsEjection(t *testing.T) {
	t.Parallel()
	p := startPair(t, http.StatusBadGateway, "", "", `
		health_uri /health
		health_interval 200ms
		max_fails 1
		eject_time 1h
		unhealthy_status 5xx`)
	for range 2 {
		p.ask(t)
	}
	p.waitProbing(t, "bad", 1)
	for range 2 {
		p.ask(t)
	}
	// the check has passed, and the request has failed: it is not believed again
	w := p.waitWayBack(t, "bad", "ejected")
	if w.Ejections != 2 || time.Until(*w.EjectedUntil) < time.Hour {
		t.Errorf("%+v", w)
	}
	p.waitLog(t, `"msg":"backend ejected"`, `failed again after its return: HTTP 502`)
}
