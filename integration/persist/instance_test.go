package persist

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

// setup is what an instance runs with. Instances that have the same storage
// share it.
type setup struct {
	storage string   // a directory
	pools   []string // default: web
	options string   // of each pool
	backend string   // of each pool; default: one that nobody asks
	plain   bool     // without the race detector, to start fast
}

// instance is a Caddy with pools that check no health, so that all their
// backends accept.
type instance struct {
	*process.Process
	t       testing.TB
	setup   setup
	admin   string
	front   string
	client  *http.Client
	storage string
}

func newSetup(t testing.TB) setup {
	t.Helper()
	return setup{storage: filepath.Join(t.TempDir(), "storage")}
}

func (s setup) config(admin, front string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "{\n\tadmin %s\n\tpersist_config off\n\tgrace_period 1s\n\tstorage file_system %s\n\tload_balance {\n\t\tsync_interval 200ms\n\t}\n}\n", admin, s.storage)
	fmt.Fprintf(&b, "http://%s {\n", front)
	for _, pool := range s.pools {
		fmt.Fprintf(&b, "\tload_balance /%s* %s 127.0.0.1:2 {\n\t\tpool %s\n\t\tlb_policy first\n\t\thealth_interval off\n\t\t%s\n\t}\n", pool, s.backend, pool, s.options)
	}
	return b.String() + "}\n"
}

// start runs an instance.
func (s setup) start(t testing.TB) *instance {
	t.Helper()
	if s.pools == nil {
		s.pools = []string{"web"}
	}
	if s.backend == "" {
		s.backend = "127.0.0.1:1"
	}
	transport := new(http.Transport)
	t.Cleanup(transport.CloseIdleConnections)
	in := &instance{
		t: t, setup: s, admin: process.Addr(t), front: process.Addr(t), storage: s.storage,
		client: &http.Client{Transport: transport, Timeout: time.Minute},
	}
	in.Process = process.Run(t, process.Options{
		Binary: suite.Caddy(t, process.Race && !s.plain), Home: t.TempDir(), Config: s.config(in.admin, in.front),
	})
	return in
}

// reload has the instance go on with another config, and returns the status.
func (in *instance) reload(config string) int {
	in.t.Helper()
	req, err := http.NewRequest(http.MethodPost, "http://"+in.admin+"/load", strings.NewReader(config))
	if err != nil {
		in.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "text/caddyfile")
	resp, err := in.client.Do(req)
	if err != nil {
		in.t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// call makes a request of the admin API.
func (in *instance) call(method, path string, body any) (status int, answer []byte, err error) {
	text, err := json.Marshal(body)
	if err != nil {
		return 0, nil, err
	}
	var r io.Reader
	if body != nil {
		r = bytes.NewReader(text)
	}
	req, err := http.NewRequest(method, "http://"+in.admin+"/load_balance/"+path, r)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := in.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err = io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}

// must is call, and expects a status.
func (in *instance) must(want int, method, path string, body any) []byte {
	in.t.Helper()
	status, answer, err := in.call(method, path, body)
	if err != nil {
		in.t.Fatalf("%s %s: %v", method, path, err)
	}
	if status != want {
		in.t.Fatalf("%s %s: status %d: %s", method, path, status, answer)
	}
	return answer
}

// backend is a backend as far as it matters here.
type backend struct {
	ID         string            `json:"id,omitempty"`
	Address    string            `json:"address,omitempty"`
	Weight     int               `json:"weight,omitempty"`
	AdminState string            `json:"admin_state,omitempty"`
	Labels     map[string]string `json:"labels,omitempty"`
}

// pool is a pool as far as it matters here.
type pool struct {
	Revision uint64 `json:"revision"`
	Storage  struct {
		Status string    `json:"status"`
		Error  string    `json:"error"`
		Number uint64    `json:"number"`
		Sync   time.Time `json:"last_sync"`
	} `json:"storage"`
	Instances []struct {
		ID      string `json:"id"`
		Number  uint64 `json:"number"`
		Current bool   `json:"current"`
		Self    bool   `json:"self"`
	} `json:"instances"`
	Backends []backend `json:"backends"`
}

func (in *instance) pool(name string) (p pool) {
	in.t.Helper()
	if err := json.Unmarshal(in.must(http.StatusOK, http.MethodGet, "pools/"+name, nil), &p); err != nil {
		in.t.Fatal(err)
	}
	return p
}

// weights returns the weights of the pool's backends, by id; those of the
// config have the weight 1.
func (in *instance) weights(name string) map[string]int {
	in.t.Helper()
	weights := make(map[string]int)
	for _, b := range in.pool(name).Backends {
		if _, twice := weights[b.ID]; twice {
			in.t.Errorf("backend %s is there twice", b.ID)
		}
		weights[b.ID] = b.Weight
	}
	return weights
}

// file returns the path of what is stored under a key below load_balance.
func (s setup) file(key string) string {
	return filepath.Join(s.storage, "load_balance", filepath.FromSlash(key))
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func writeFile(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// logged returns once the instance has logged the text.
func (in *instance) logged(text string) {
	in.t.Helper()
	process.Eventually(in.t, func() error {
		if !strings.Contains(in.Log(), text) {
			return fmt.Errorf("the log has no %q", text)
		}
		return nil
	})
}
