package integration

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// patient is a backend whose health checks pass only if they are as configured
// below, and only while it is well.
type patient struct {
	name   string
	sick   atomic.Bool
	probes atomic.Int64
	served atomic.Int64
	odd    atomic.Pointer[string] // a probe that was not as configured
}

const healthOptions = `
		health_uri /health?deep=1
		health_method POST
		health_request_body "ping {env.LB_UNSET}"
		health_host check.internal
		health_headers {
			X-Target {http.load_balance.active.target_backend}
			X-Two one two
		}
		health_follow_redirects
		health_status 203 4xx
		health_body "^all (well|fine)"
		health_interval 50ms
		health_timeout 5s
		health_passes 2
		health_fails 2
`

func (b *patient) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/health":
		b.probes.Add(1)
		if text := b.wrong(r); text != "" {
			b.odd.CompareAndSwap(nil, &text)
		}
		http.Redirect(w, r, "/health/really", http.StatusTemporaryRedirect)
	case "/health/really":
		if b.sick.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusNonAuthoritativeInfo)
		_, _ = io.WriteString(w, "all fine")
	default:
		b.served.Add(1)
		w.Header().Set("Backend", b.name)
	}
}

// wrong returns what a probe has that it should not have.
func (b *patient) wrong(r *http.Request) string {
	body, _ := io.ReadAll(r.Body)
	if r.Method != http.MethodPost || r.URL.RawQuery != "deep=1" || r.Host != "check.internal" ||
		string(body) != "ping " || r.Header.Get("X-Target") != b.name ||
		strings.Join(r.Header["X-Two"], " ") != "one two" {
		return fmt.Sprintf("%s %s, Host %s, %v: %s", r.Method, r.URL, r.Host, r.Header, body)
	}
	return ""
}

func startPatient(t *testing.T) *patient {
	t.Helper()
	port := freePort(t)
	b := &patient{name: fmt.Sprintf("127.0.0.1:%d", port)}
	startBackend(t, port, b)
	t.Cleanup(func() {
		if odd := b.odd.Load(); odd != nil {
			t.Errorf("a probe of %s was %s", b.name, *odd)
		}
	})
	return b
}

// backendState is what the admin API says of a backend.
type backendState struct {
	Health    string `json:"health"`
	Accepting bool   `json:"accepting"`
	Reason    string `json:"reason"`
}

// state returns what the admin API says of a backend of the pool `web`.
func (p *proc) state(t *testing.T, id string) (s backendState) {
	t.Helper()
	body := p.api(t, http.MethodGet, "/load_balance/pools/web/backends/"+id, "", http.StatusOK)
	if err := json.Unmarshal([]byte(body), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// waitState returns once the admin API says that of a backend.
func (p *proc) waitState(t *testing.T, id string, want backendState) {
	t.Helper()
	eventually(t, func() error {
		if got := p.state(t, id); got != want {
			return fmt.Errorf("%s is %+v, want %+v", id, got, want)
		}
		return nil
	})
}

// count returns how many lines of the log have all of the texts.
func (p *proc) count(texts ...string) (n int) {
lines:
	for line := range strings.Lines(p.Log()) {
		for _, text := range texts {
			if !strings.Contains(line, text) {
				continue lines
			}
		}
		n++
	}
	return n
}

var up = backendState{Health: "up", Accepting: true}

// TestHealthChecks has a backend fall ill and recover, over a reload: it gets
// no request in between, and each change is told once.
func TestHealthChecks(t *testing.T) {
	t.Parallel()
	front, well, ill := freeAddr(t), startPatient(t), startPatient(t)
	config := fmt.Sprintf("http://%s {\n\tload_balance %s %s {\n\t\tpool web\n%s\t}\n}\n", front, well.name, ill.name, healthOptions)
	p := startCaddy(t, config, "caddyfile")
	client := newClient(t, nil)
	p.waitState(t, well.name, up)
	p.waitState(t, ill.name, up)
	if got := counts(t, client, 4, "http://"+front, "Backend"); got[well.name] != 2 || got[ill.name] != 2 {
		t.Errorf("with both well, got %v", got)
	}

	ill.sick.Store(true)
	down := backendState{Health: "down", Reason: "down: HTTP 500, expected 203 or 4xx"}
	p.waitState(t, ill.name, down)
	p.waitLog(t, `"msg":"backend down"`) // requests see it now
	served := ill.served.Load()
	counts(t, client, 4, "http://"+front, "Backend")
	if status, body := p.load(t, strings.Replace(config, "pool web", "pool web\n\t\tlb_policy random", 1)); status != http.StatusOK {
		t.Fatalf("reload: status %d: %s", status, body)
	}
	if got := p.state(t, ill.name); got != down {
		t.Errorf("after the reload, %+v, want %+v", got, down)
	}
	counts(t, client, 8, "http://"+front, "Backend")
	if n := ill.served.Load() - served; n > 0 {
		t.Errorf("%d requests came to a backend that is down", n)
	}

	ill.sick.Store(false)
	p.waitState(t, ill.name, up)
	p.waitLog(t, `"msg":"backend up"`)
	for _, msg := range []string{"backend down", "backend up"} {
		if n := p.count(`"msg":"`+msg+`"`, ill.name); n != 1 {
			t.Errorf("the log has %q %d times", msg, n)
		}
	}
	if n := p.count(`"pool":"web"`, well.name, `"msg":"backend `); n != 0 {
		t.Errorf("the log has %d lines about the backend that was well all the time", n)
	}
}

// TestHealthAtTheStart is about backends that nothing is known of: those of the
// config accept at first, those added later, or with health_initial down, do
// not.
func TestHealthAtTheStart(t *testing.T) {
	t.Parallel()
	front, initiallyDown, off := freeAddr(t), freeAddr(t), freeAddr(t)
	dead, well := freeAddr(t), startPatient(t)
	p := startCaddy(t, fmt.Sprintf(`
http://%s {
	load_balance %s {
		pool web
		lb_try_duration 5s
		health_interval 1h
	}
}
http://%s {
	load_balance %s {
		pool down
		health_initial down
		health_interval 1h
	}
}
http://%s {
	load_balance %s {
		pool off
		health_interval off
	}
}
`, front, dead, initiallyDown, dead, off, dead), "caddyfile")
	client := newClient(t, nil)
	// the first probe is at once, whatever the interval
	p.waitState(t, dead, backendState{Health: "down", Reason: "down: connection refused"})
	p.waitLog(t, `"pool":"web","backend":"`+dead+`","reason":"down: connection refused"`)
	if a := get(t, client, "http://"+initiallyDown); a.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("health_initial down: status %d", a.StatusCode)
	}
	if a := get(t, client, "http://"+off); a.StatusCode != http.StatusBadGateway {
		t.Errorf("health_interval off: status %d, so the backend did not get the request", a.StatusCode)
	}
	// one that is dead when it is added never accepts; one that is well does
	later := freeAddr(t)
	for _, addr := range []string{later, well.name} {
		p.api(t, http.MethodPost, "/load_balance/pools/web/backends", fmt.Sprintf(`{"address": %q}`, addr), http.StatusCreated)
	}
	p.waitState(t, well.name, up)
	eventually(t, func() error {
		if s := p.state(t, later); s.Health != "down" {
			return fmt.Errorf("%s is %+v", later, s)
		}
		return nil
	})
	if p.count(`"msg":"backend up"`, later) > 0 {
		t.Error("the backend that is dead was up")
	}
	if got := counts(t, client, 3, "http://"+front, "Backend"); got[well.name] != 3 {
		t.Errorf("got %v", got)
	}
}

// TestPassiveHealthChecks ejects a backend for what it answers to requests, and
// takes it back.
func TestPassiveHealthChecks(t *testing.T) {
	t.Parallel()
	p := startPair(t, http.StatusBadGateway, "", "priority 1", `
		fail_duration 4s
		max_fails 3
		unhealthy_status 5xx`)
	for range 3 {
		if backend := p.ask(t); backend != "bad" {
			t.Fatalf("a request went to %q before the failures were enough", backend)
		}
	}
	p.waitLog(t, `"msg":"backend ejected"`, `3 failures within 4s, the last: HTTP 502`)
	p.failing.Store(false)
	eventually(t, func() error {
		if p.ask(t) != "bad" {
			return errors.New("the backend has not come back")
		}
		return nil
	})
	p.waitLog(t, `"msg":"backend returned"`)
	if n := p.count(`"msg":"backend ejected"`); n != 1 {
		t.Errorf("the log has the ejection %d times", n)
	}
}
