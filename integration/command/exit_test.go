package command

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

// TestExitCodes is for scripts, which decide on them.
func TestExitCodes(t *testing.T) {
	a, down := backend(t, "a"), closedAddr(t)
	s := serve(t, "--backend", a)
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }))
	t.Cleanup(broken.Close)
	for _, test := range []struct {
		code    int
		message string
		args    []string
	}{
		{1, "unknown command", []string{"statsu"}},
		{1, "unknown flag", []string{"status", "--colour"}},
		{1, "requires at least 1 arg", []string{"add"}},
		{1, "--listen", []string{"run", "--listen", "ftp://x"}},
		{1, "listen unix", []string{"run", "--listen", process.Addr(t), "--admin", "unix/" + filepath.Join(s.home, "nowhere", "admin.sock")}},
		{4, "has no backend", []string{"remove", "nobody"}},
		{4, `no pool "x"`, []string{"status", "--pool", "x"}},
		{4, "exists already", []string{"add", a}},
		{4, "link-local", []string{"add", "169.254.169.254"}},
		{5, "no answer from the admin endpoint", []string{"status", "--address", closedAddr(t)}},
		{6, "500", []string{"status", "--address", broken.Listener.Addr().String()}},
		{7, "does not accept requests after 300ms: down: connection refused", []string{"add", down, "--wait", "300ms"}},
		{8, "got no answer", []string{"try", "http://" + closedAddr(t), "-n", "2"}},
	} {
		got := s.do(test.args...)
		if got.code != test.code || !strings.Contains(got.errOut, test.message) {
			t.Errorf("%v: exit code %d, want %d; no %q in %q", test.args, got.code, test.code, test.message, got.errOut)
		}
		if !strings.HasPrefix(got.errOut, "Error: ") && !strings.Contains(got.errOut, "\nError: ") {
			t.Errorf("%v: %q", test.args, got.errOut)
		}
	}
}

func TestSeveralPools(t *testing.T) {
	a, b := backend(t, "a"), backend(t, "b")
	admin := "unix/" + filepath.Join(t.TempDir(), "admin.sock")
	s := serveConfig(t, admin, fmt.Sprintf("{\n\tadmin %s\n}\nhttp://%s {\n\tload_balance %s {\n\t\tpool api\n\t}\n}\nhttp://%s {\n\tload_balance %s {\n\t\tpool web\n\t}\n}\n",
		admin, process.Addr(t), a, process.Addr(t), b))
	contains(t, "status over a unix socket", s.must("status"), "pool api: 1 of 1", "\n\npool web: 1 of 1")
	contains(t, "status of one", s.must("status", "--pool", "web"), "pool web: 1 of 1")
	got := s.do("weight", a, "3")
	same(t, "code without --pool", got.code, 4)
	same(t, "message without --pool", got.errOut, "Error: there are several pools, name one of them with --pool: api, web\n")
	s.must("weight", a, "3", "--pool", "api")

	s.admin = closedAddr(t) // so that only the config says where it is
	config := filepath.Join(s.home, "Caddyfile")
	contains(t, "status by config", s.must("status", "--config", config, "--adapter", "caddyfile"), "pool api: 1 of 1")
	same(t, "address before config", s.do("status", "--config", config, "--address", closedAddr(t)).code, 5)
}

// TestWithoutLoadBalancer is for those who have forgotten the module, or the
// directive.
func TestWithoutLoadBalancer(t *testing.T) {
	admin := process.Addr(t)
	s := serveConfig(t, admin, fmt.Sprintf("{\n\tadmin %s\n}\nhttp://%s {\n\trespond ok\n}\n", admin, process.Addr(t)))
	same(t, "status", s.must("status"), "There is no pool.\n")
	got := s.do("add", "127.0.0.1:1")
	same(t, "code", got.code, 4)
	contains(t, "message", got.errOut, "has no pool: nothing in its config is a load_balance")
}

func TestWatch(t *testing.T) {
	s := serve(t, "--backend", backend(t, "a"))
	out := newOutput(t)
	cmd := process.Command(t.Context(), s.home, suite.Caddy(t, false), "load-balance", "status", "--watch", "--interval", "100ms", "--json", "--address", s.admin)
	cmd.Stdout = out.file
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	process.Eventually(t, func() error {
		if n := strings.Count(out.text(), "\n"); n < 3 {
			return fmt.Errorf("%d views", n)
		}
		return nil
	})
	interrupt(t, cmd)
	for _, doc := range documents(t, out.text()) {
		same(t, "pools", len(doc["pools"].([]any)), 1)
	}
}
