package loadbalance

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

func init() { caddy.RegisterModule(eventRecorder{}) }

// eventRecorder is an event handler that hands events to the running test.
type eventRecorder struct{}

var recorded = make(chan caddy.Event, 64)

func (eventRecorder) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "events.handlers.load_balance_test_recorder", New: func() caddy.Module { return new(eventRecorder) }}
}

func (eventRecorder) Handle(_ context.Context, e caddy.Event) error {
	recorded <- e
	return nil
}

var _ caddyevents.Handler = (*eventRecorder)(nil)

// nextEvent returns the next event, which must have the name.
func nextEvent(t *testing.T, name string) map[string]any {
	t.Helper()
	select {
	case e := <-recorded:
		if e.Name() != name {
			t.Fatalf("event %q with %v, want %q", e.Name(), e.Data, name)
		}
		return e.Data
	case <-time.After(10 * time.Second):
		t.Fatalf("no event %q within 10s", name)
		return nil
	}
}

// Each change of state is one event and one log line, with pool, backend,
// reason, and how long the last state has held.
func TestEventsAndLogLines(t *testing.T) {
	var sick atomic.Bool
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if sick.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(backend.Close)
	log := filepath.Join(t.TempDir(), "log")
	handler := fmt.Sprintf(`{"handler": "load_balance", "pool": "api", "backends": [{"id": "a", "address": %q}],
		"health_checks": {"active": {"uri": "/up", "interval": "20ms"}}}`, backend.Listener.Addr())
	cfg := strings.Replace(string(testConfig(t, testPort(t), false, handler)),
		`"logs": {"default": {"level": "ERROR"}}`,
		fmt.Sprintf(`"logs": {"default": {"level": "INFO", "writer": {"output": "file", "filename": %q}, "include": ["load_balance"]}}`, log), 1)
	cfg = strings.Replace(cfg, `"apps": {`, `"apps": {"events": {"subscriptions": [{
		"modules": ["load_balance"], "handlers": [{"handler": "load_balance_test_recorder"}]}]},`, 1)
	load(t, []byte(cfg))
	p := lookup(t, "api")

	sick.Store(true)
	down := nextEvent(t, pool.EventDown)
	if down["pool"] != "api" || down["backend"] != "a" || down["reason"] != "down: HTTP 503, expected 2xx" {
		t.Errorf("the event says %v", down)
	}
	sick.Store(false)
	if up := nextEvent(t, pool.EventUp); up["after"].(float64) <= 0 {
		t.Errorf("the state before has held %v seconds", up["after"])
	}
	patch := func(state pool.AdminState) (changed map[string]any) {
		if err := p.Patch("a", pool.Patch{AdminState: &state}, pool.Options{Force: true, By: "test"}); err != nil {
			t.Fatal(err)
		}
		return nextEvent(t, pool.EventChanged)
	}
	patch(pool.Drain)
	nextEvent(t, pool.EventDraining)
	nextEvent(t, pool.EventDrainFinished) // at once, as nothing is in flight
	changed := patch(pool.Ready)
	if changed["old"] != "admin_state=drain" || changed["new"] != "admin_state=ready" || changed["by"] != "test" {
		t.Errorf("the event of the change says %v", changed)
	}
	nextEvent(t, pool.EventReady)

	want := []string{"backend down", "backend up", "backend draining", "backend ready"}
	if got := messagesIn(t, log); strings.Join(got, ", ") != strings.Join(want, ", ") {
		t.Errorf("log lines %q, want %q", got, want)
	}
}

// messagesIn returns the messages of the log's lines about backends.
func messagesIn(t *testing.T, name string) []string {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var list []string
	for s := bufio.NewScanner(f); s.Scan(); {
		var line struct{ Msg, Pool, Backend string }
		if err := json.Unmarshal(s.Bytes(), &line); err != nil {
			t.Fatalf("log line %q: %v", s.Text(), err)
		}
		if strings.HasPrefix(line.Msg, "backend") {
			list = append(list, line.Msg)
			if line.Pool != "api" || line.Backend != "a" {
				t.Errorf("log line %q does not say which backend it is about", s.Text())
			}
		}
	}
	return list
}
