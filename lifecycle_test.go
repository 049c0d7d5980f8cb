package loadbalance

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

func init() { caddy.RegisterModule(faultyApp{}) }

// faultyApp is an app that cannot start when it is told so.
type faultyApp struct {
	Fail bool `json:"fail,omitempty"`
}

// startedAfterOurs counts the failed starts that came after the load_balance
// app had started.
var startedAfterOurs atomic.Int64

func (faultyApp) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "load_balance_test_faulty", New: func() caddy.Module { return new(faultyApp) }}
}

func (a *faultyApp) Start() error {
	if !a.Fail {
		return nil
	}
	if p, ok := registry.Lookup("api"); ok && p.Snapshot().Find("new") != nil {
		startedAfterOurs.Add(1)
	}
	return errors.New("told to fail")
}

func (a *faultyApp) Stop() error { return nil }

// storages are the directories where Caddy stores what the configs of a test
// have in common, by the test's name.
var storages sync.Map

func storageOf(t *testing.T) string {
	t.Helper()
	dir, known := storages.Load(t.Name())
	if !known {
		dir = t.TempDir()
		storages.Store(t.Name(), dir)
		t.Cleanup(func() { storages.Delete(t.Name()) })
	}
	return dir.(string)
}

// testConfig is a Caddy config with one server and these load_balance handlers,
// the i-th one at the path /i. Where one config follows another, each has a port
// of its own: Caddy opens another listener for the same port, and the system
// resets the connections that are queued at the old one when that is closed.
func testConfig(t *testing.T, port int, failingApp bool, handlers ...string) []byte {
	t.Helper()
	var routes []string
	for i, h := range handlers {
		routes = append(routes, fmt.Sprintf(`{"match": [{"path": ["/%d*"]}], "handle": [%s]}`, i, h))
	}
	cfg := fmt.Sprintf(`{
		"admin": {"disabled": true, "config": {"persist": false}},
		"storage": {"module": "file_system", "root": %q},
		"logging": {"logs": {"default": {"level": "ERROR"}}},
		"apps": {
			"load_balance_test_faulty": {"fail": %v},
			"http": {"servers": {"s": {"listen": ["127.0.0.1:%d"], "automatic_https": {"disable": true}, "routes": [%s]}}}
		}
	}`, storageOf(t), failingApp, port, strings.Join(routes, ","))
	if !json.Valid([]byte(cfg)) {
		t.Fatalf("config is not JSON: %s", cfg)
	}
	return []byte(cfg)
}

func load(t *testing.T, cfg []byte) {
	t.Helper()
	if err := caddy.Load(cfg, true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	})
}

func testPort(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().(*net.TCPAddr).Port
}

// namedBackend answers every request with its name.
func namedBackend(t *testing.T, name string) (address string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, name) }))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func get(t *testing.T, port int, path string) string {
	t.Helper()
	res, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d%s", port, path))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK {
		return res.Status
	}
	return string(body)
}

func lookup(t *testing.T, name string) *pool.Pool {
	t.Helper()
	p, ok := registry.Lookup(name)
	if !ok {
		t.Fatalf("there is no pool %q", name)
	}
	return p
}

// steady is the state of a pool that must not change.
type steady struct {
	p        *pool.Pool
	snapshot *pool.Snapshot
}

func (s steady) check(t *testing.T) {
	t.Helper()
	if now := lookup(t, "api"); now != s.p {
		t.Error("the pool is another one")
	}
	v := s.p.View()
	if len(v.Backends) != len(s.snapshot.Members) {
		t.Errorf("the pool has %d backends, want %d", len(v.Backends), len(s.snapshot.Members))
	}
	for _, m := range s.snapshot.Members {
		if now := s.p.Snapshot().Find(m.ID()); now == nil || now.Backend != m.Backend || now.Transport != m.Transport {
			t.Errorf("backend %s, or its connections, are not what they were", m.ID())
		} else if now.Weight != m.Weight {
			t.Errorf("backend %s has the weight %d, want %d", m.ID(), now.Weight, m.Weight)
		}
	}
}

func TestReloadKeepsThePool(t *testing.T) {
	port := testPort(t)
	a, b := namedBackend(t, "a"), namedBackend(t, "b")
	one := fmt.Sprintf(`{"handler": "load_balance", "pool": "api", "backends": [{"id": "a", "address": %q}]}`, a)
	two := fmt.Sprintf(`{"handler": "load_balance", "pool": "api", "backends": [{"id": "a", "address": %q}, {"id": "b", "address": %q}]}`, a, b)
	load(t, testConfig(t, port, false, one))
	for range 5 {
		if got := get(t, port, "/0"); got != "a" {
			t.Fatalf("answer %q", got)
		}
	}
	p := lookup(t, "api")
	before := p.Snapshot().Find("a")
	port = testPort(t)
	if err := caddy.Load(testConfig(t, port, false, two), true); err != nil {
		t.Fatal(err)
	}
	after := lookup(t, "api").Snapshot().Find("a")
	if lookup(t, "api") != p || after.Backend != before.Backend || after.Transport != before.Transport {
		t.Error("the reload made a new pool, backend or transport")
	}
	if v := p.View(); v.Backends[0].Requests != 5 || len(v.Backends) != 2 {
		t.Errorf("after the reload the backend has %d requests, and the pool %d backends", v.Backends[0].Requests, len(v.Backends))
	}
	seen := get(t, port, "/0") + get(t, port, "/0")
	if seen != "ab" && seen != "ba" {
		t.Errorf("two requests were answered by %q", seen)
	}
}

// A connection to a backend that is idle over a reload carries the next
// request, and a backend that is down stays so.
func TestReloadKeepsConnectionsAndHealth(t *testing.T) {
	port := testPort(t)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.RemoteAddr) }))
	t.Cleanup(s.Close)
	const down = "127.0.0.1:1"
	config := func(policy string) []byte {
		return testConfig(t, port, false, fmt.Sprintf(`{"handler": "load_balance", "pool": "api",
			"load_balancing": {"selection_policy": {"policy": %q}}, "backends": [{"address": %q}, {"address": %q}]}`,
			policy, down, s.Listener.Addr()))
	}
	load(t, config("round_robin"))
	deadline := time.Now().Add(10 * time.Second)
	for p := lookup(t, "api"); p.Snapshot().Find(down).Accepting; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nobody has found out that the backend is down")
		}
	}
	before := get(t, port, "/0")
	for _, policy := range []string{"first", "least_conn", "ip_hash"} {
		port = testPort(t)
		if err := caddy.Load(config(policy), true); err != nil {
			t.Fatal(err)
		}
		if lookup(t, "api").Snapshot().Find(down).Accepting {
			t.Errorf("after a reload with the policy %s a backend that is down accepts", policy)
		}
		if got := get(t, port, "/0"); got != before {
			t.Errorf("after a reload with the policy %s the backend was reached from %s, want %s again", policy, got, before)
		}
	}
}

func TestFailedReloadsChangeNothing(t *testing.T) {
	port, elsewhere := testPort(t), testPort(t)
	a := namedBackend(t, "a")
	running := fmt.Sprintf(`{"handler": "load_balance", "pool": "api", "backends": [{"id": "a", "address": %q}]}`, a)
	changed := `{"handler": "load_balance", "pool": "api", "load_balancing": {"selection_policy": {"policy": "first"}},
		"backends": [{"id": "new", "address": "127.0.0.1:1"}]}`
	load(t, testConfig(t, port, false, running))
	want := steady{lookup(t, "api"), lookup(t, "api").Snapshot()}

	for name, cfg := range map[string][]byte{
		"unknown field":             testConfig(t, elsewhere, false, strings.Replace(changed, `"pool"`, `"pol"`, 1)),
		"a later handler is faulty": testConfig(t, elsewhere, false, changed, `{"handler": "load_balance", "backends": [{"address": "x:y:z"}]}`),
		"two definitions":           testConfig(t, elsewhere, false, changed, running),
		"undefined pool":            testConfig(t, elsewhere, false, changed, `{"handler": "load_balance", "pool": "other"}`),
		"too many weights": testConfig(t, elsewhere, false, strings.Replace(changed, `"policy": "first"`,
			`"policy": "weighted_round_robin", "weights": [1, 2]`, 1)),
		"unknown policy":    testConfig(t, elsewhere, false, strings.Replace(changed, `"first"`, `"best"`, 1)),
		"faulty transport":  testConfig(t, elsewhere, false, strings.Replace(changed, `"pool"`, `"transport": {"versions": ["9"]}, "pool"`, 1)),
		"faulty retry rule": testConfig(t, elsewhere, false, strings.Replace(changed, `"load_balancing": {`, `"load_balancing": {"retry_match": [{"nope": {}}], `, 1)),
	} {
		t.Run(name, func(t *testing.T) {
			if err := caddy.Load(cfg, true); err == nil {
				t.Fatal("the config was accepted")
			}
			want.check(t)
			if got := get(t, port, "/0"); got != "a" {
				t.Errorf("answer %q", got)
			}
		})
	}
	t.Run("validation only", func(t *testing.T) {
		var cfg caddy.Config
		if err := json.Unmarshal(testConfig(t, elsewhere, false, changed), &cfg); err != nil {
			t.Fatal(err)
		}
		if err := caddy.Validate(&cfg); err != nil {
			t.Fatal(err)
		}
		want.check(t)
	})
}

// A reload can fail after our app has started, when another app cannot. Apps
// start in random order, so this goes on until that has happened often enough.
func TestReloadFailsAfterOurStart(t *testing.T) {
	port := testPort(t)
	a := namedBackend(t, "a")
	running := fmt.Sprintf(`{"handler": "load_balance", "pool": "api", "backends": [{"id": "a", "address": %q}]}`, a)
	changed := fmt.Sprintf(`{"handler": "load_balance", "pool": "api", "transport": {"dial_timeout": "1s"},
		"backends": [{"id": "a", "address": %q, "weight": 2}, {"id": "new", "address": "127.0.0.1:1"}]}`, a)
	load(t, testConfig(t, port, false, running))
	weight := 7
	if err := lookup(t, "api").Patch("a", pool.Patch{Weight: &weight}, pool.Options{}); err != nil {
		t.Fatal(err)
	}
	want := steady{lookup(t, "api"), lookup(t, "api").Snapshot()}
	if got := get(t, port, "/0"); got != "a" {
		t.Fatalf("answer %q", got)
	}
	failing := testConfig(t, testPort(t), true, changed)
	deadline := time.Now().Add(30 * time.Second)
	for startedAfterOurs.Load() < 3 {
		if time.Now().After(deadline) {
			t.Fatalf("our app was started before the failing one %d times in 30s", startedAfterOurs.Load())
		}
		if err := caddy.Load(failing, true); err == nil || !strings.Contains(err.Error(), "told to fail") {
			t.Fatalf("loading a config with an app that cannot start: %v", err)
		}
		want.check(t)
		if got := get(t, port, "/0"); got != "a" {
			t.Fatalf("answer %q", got)
		}
	}
	if refs, ok := registry.References("api"); !ok || refs != 2 { // the handler's, and the app's
		t.Errorf("%d references to the pool after failed reloads, want 2", refs)
	}
}

func TestSharedPool(t *testing.T) {
	port := testPort(t)
	a := namedBackend(t, "a")
	define := fmt.Sprintf(`{"handler": "load_balance", "pool": "api", "backends": [{"id": "a", "address": %q}]}`, a)
	refer := `{"handler": "load_balance", "pool": "api", "headers": {"response": {"set": {"X-From": ["second"]}}}}`
	load(t, testConfig(t, port, false, refer, define))
	if got := get(t, port, "/0") + get(t, port, "/1"); got != "aa" {
		t.Errorf("answers %q", got)
	}
	if n := lookup(t, "api").View().Backends[0].Requests; n != 2 {
		t.Errorf("the shared pool counts %d requests, want 2", n)
	}
}

func TestTwoDefinitionsNameBoth(t *testing.T) {
	err := caddy.Load(testConfig(t, testPort(t), false,
		`{"handler": "load_balance", "pool": "api", "backends": [{"address": "10.0.0.1:80"}]}`,
		`{"handler": "load_balance", "pool": "api", "backends": [{"address": "10.0.0.2:80"}]}`), true)
	if err == nil {
		t.Cleanup(func() { _ = caddy.Stop() })
		t.Fatal("two definitions of one pool were accepted")
	}
	for _, want := range []string{`"api"`, "10.0.0.1:80", "10.0.0.2:80"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not name %s: %v", want, err)
		}
	}
}

// A bound is for policies that pick by a hash.
func TestBoundedLoadNeedsAHash(t *testing.T) {
	for policy, ok := range map[string]bool{"round_robin": false, "peak_ewma": false, "cookie": false, "uri_hash": true} {
		var cfg caddy.Config
		if err := json.Unmarshal(testConfig(t, testPort(t), false, `{"handler": "load_balance", "backends": [{"address": "10.0.0.1:80"}],
			"load_balancing": {"selection_policy": {"policy": "`+policy+`"}, "bounded_load": 1.5}}`), &cfg); err != nil {
			t.Fatal(err)
		}
		err := caddy.Validate(&cfg)
		if ok && err != nil || !ok && (err == nil || !strings.Contains(err.Error(), "bounded_load needs a policy that picks by a hash, which "+policy+" does not")) {
			t.Errorf("%s: %v", policy, err)
		}
	}
}

// The same unnamed block in two places is one pool; other settings make
// another one.
func TestUnnamedPools(t *testing.T) {
	block := `{"handler": "load_balance", "backends": [{"address": "10.0.0.1:80"}, {"address": "10.0.0.2:80"}]}`
	other := `{"handler": "load_balance", "health_checks": {"active": {"uri": "/up"}}, "backends": [{"address": "10.0.0.1:80"}, {"address": "10.0.0.2:80"}]}`
	load(t, testConfig(t, testPort(t), false, block, block, other))
	pools := registry.Pools()
	if len(pools) != 2 {
		t.Fatalf("there are %d pools, want 2", len(pools))
	}
	if got := pools[0].Name(); got != "10.0.0.1:80,10.0.0.2:80" {
		t.Errorf("the plain one is named %q", got)
	}
	if got := pools[1].Name(); !strings.HasPrefix(got, "10.0.0.1:80,10.0.0.2:80~") {
		t.Errorf("the other one is named %q", got)
	}
}

func TestPoolEndsWithItsLastConfig(t *testing.T) {
	port := testPort(t)
	a := namedBackend(t, "a")
	load(t, testConfig(t, port, false, fmt.Sprintf(`{"handler": "load_balance", "pool": "api", "backends": [{"address": %q}]}`, a)))
	p := lookup(t, "api")
	if err := caddy.Load(testConfig(t, port, false), true); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.Done():
	case <-time.After(10 * time.Second):
		t.Error("the pool is still there 10s after the config that had it")
	}
	if _, ok := registry.Lookup("api"); ok {
		t.Error("the pool is still listed")
	}
}
