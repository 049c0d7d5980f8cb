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

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
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
	load(t, loggingTo(t, log, handler))
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
	patch := func(state pool.AdminState) {
		if err := p.Patch("a", pool.Patch{AdminState: &state}, pool.Options{Force: true, By: "test"}); err != nil {
			t.Fatal(err)
		}
	}
	patch(pool.Drain)
	nextEvent(t, pool.EventChanged)
	nextEvent(t, pool.EventDraining)
	finished := nextEvent(t, pool.EventDrainFinished)
	if finished["reason"] != "nothing is left" || finished["then"] != "" || finished["by"] != pool.ByDrain {
		t.Errorf("the event of the end of the drain says %v", finished)
	}
	patch(pool.Ready)
	changed := nextEvent(t, pool.EventChanged)
	if changed["old"] != "admin_state=drain" || changed["new"] != "admin_state=ready" || changed["by"] != "test" {
		t.Errorf("the event of the change says %v", changed)
	}
	nextEvent(t, pool.EventReady)

	want := []string{"backend down", "backend up", "backend draining", "drain finished", "backend ready"}
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
		if line.Backend != "" {
			list = append(list, line.Msg)
			if line.Pool != "api" || line.Backend != "a" {
				t.Errorf("log line %q does not say which backend it is about", s.Text())
			}
		}
	}
	return list
}

// Whatever happens to a backend, each step is one event, and one line of the log
// unless who has asked for it writes that.
func TestEachStepIsOneLineAndOneEvent(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	with := func(backends ...string) []byte {
		handler := fmt.Sprintf(`{"handler": "load_balance", "pool": "api", "backends": [%s],
			"load_balancing": {"slow_start": "1h"}}`, strings.Join(backends, ","))
		return loggingTo(t, log, handler)
	}
	a := fmt.Sprintf(`{"id": "a", "address": %q}`, namedBackend(t, "a"))
	b := fmt.Sprintf(`{"id": "b", "address": %q}`, namedBackend(t, "b"))
	load(t, with(a, b))
	p := lookup(t, "api")
	change := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	asked := pool.Options{Force: true, By: "admin API, 192.0.2.1"}
	set := func(state pool.AdminState) { t.Helper(); change(p.Patch("a", pool.Patch{AdminState: &state}, asked)) }
	var lines []string
	expect := func(name, line string) map[string]any {
		t.Helper()
		if line != "" {
			lines = append(lines, line)
		}
		return nextEvent(t, name)
	}

	p.Eject(p.Snapshot().Find("a"), time.Now().Add(50*time.Millisecond), "too many failures")
	if e := expect(pool.EventEjected, "backend ejected"); e["reason"] != "ejected: too many failures" {
		t.Errorf("the event of the ejection says %v", e)
	}
	if e := expect(pool.EventReturned, "backend returned"); e["after"].(float64) <= 0 {
		t.Errorf("the event of the return says %v", e)
	}
	set(pool.Maintenance)
	expect(pool.EventChanged, "")
	expect(pool.EventMaintenance, "backend in maintenance")
	set(pool.Ready)
	expect(pool.EventChanged, "")
	expect(pool.EventReady, "backend ready")
	set(pool.Drain)
	expect(pool.EventChanged, "")
	expect(pool.EventDraining, "backend draining")
	if e := expect(pool.EventDrainFinished, "drain finished"); e["by"] != pool.ByDrain || e["reason"] == "" {
		t.Errorf("the event of the drain's end says %v", e)
	}
	spec, err := pool.NewSpec(config.Backend{ID: "c", Address: namedBackend(t, "c")}, pool.FromRuntime)
	change(err)
	_, err = p.Add(spec, asked)
	change(err)
	if e := expect(pool.EventAdded, ""); e["by"] != asked.By || e["backend"] != "c" {
		t.Errorf("the event of the addition says %v", e)
	}
	expect(pool.EventWaiting, "backend waiting")
	expect(pool.EventUp, "backend up")
	change(p.Remove("c", asked))
	expect(pool.EventRemoved, "")
	change(caddy.Load(with(a), true))
	if e := expect(pool.EventRemoved, "backend removed"); e["by"] != pool.ByConfig || e["backend"] != "b" {
		t.Errorf("the event of the reload says %v", e)
	}
	select {
	case e := <-recorded:
		t.Errorf("one more event: %q with %v", e.Name(), e.Data)
	default:
	}
	if got := linesIn(t, log); strings.Join(got, ", ") != strings.Join(lines, ", ") {
		t.Errorf("log lines %q, want %q", got, lines)
	}
}

// loggingTo returns a config whose events are recorded, and whose log goes to a
// file.
func loggingTo(t *testing.T, log, handler string) []byte {
	t.Helper()
	cfg := strings.Replace(string(testConfig(t, testPort(t), false, handler)),
		`"logs": {"default": {"level": "ERROR"}}`,
		fmt.Sprintf(`"logs": {"default": {"level": "INFO", "writer": {"output": "file", "filename": %q}, "include": ["load_balance"]}}`, log), 1)
	return []byte(strings.Replace(cfg, `"apps": {`, `"apps": {"events": {"subscriptions": [{
		"modules": ["load_balance"], "handlers": [{"handler": "load_balance_test_recorder"}]}]},`, 1))
}

// linesIn returns the messages of the log's lines about pool api.
func linesIn(t *testing.T, name string) (list []string) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for s := range strings.Lines(string(text)) {
		var line struct{ Msg, Pool, Backend string }
		if err := json.Unmarshal([]byte(s), &line); err != nil {
			t.Fatalf("log line %q: %v", s, err)
		}
		if line.Backend != "" && line.Pool == "api" {
			list = append(list, line.Msg)
		}
	}
	return list
}
