package command

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

func TestParseSite(t *testing.T) {
	tests := []struct {
		text              string
		https             bool
		host, listen      string
		poolName, visited string
	}{
		{":8080", false, "", ":8080", "8080", "http://localhost:8080"},
		{":80", false, "", ":80", "80", "http://localhost"},
		{"127.0.0.1:8080", false, "", "127.0.0.1:8080", "127.0.0.1:8080", "http://127.0.0.1:8080"},
		{"0.0.0.0:8080", false, "", "0.0.0.0:8080", "0.0.0.0:8080", "http://localhost:8080"},
		{"[::1]:8080", false, "", "[::1]:8080", "::1:8080", "http://[::1]:8080"},
		{"example.com", true, "example.com", ":443", "example.com", "https://example.com"},
		{"example.com:8443", true, "example.com", ":8443", "example.com", "https://example.com:8443"},
		{"example.com:80", false, "example.com", ":80", "example.com", "http://example.com"},
		{"http://example.com:8080", false, "example.com", ":8080", "example.com", "http://example.com:8080"},
		{"https://*.example.com", true, "*.example.com", ":443", "_.example.com", "https://*.example.com"},
		{"https://127.0.0.1:8443", true, "127.0.0.1", "127.0.0.1:8443", "127.0.0.1", "https://127.0.0.1:8443"},
	}
	for _, test := range tests {
		s, err := parseSite(test.text)
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		same(t, test.text, s, site{test.text, test.https, test.host, test.listen})
		same(t, test.text, s.poolName(), test.poolName)
		same(t, test.text, s.url(), test.visited)
		if err := config.CheckPoolName(s.poolName()); err != nil {
			t.Error(err)
		}
	}
	for _, text := range []string{"https://:8443", "example.com/path", "ftp://example.com", "a:b:c"} {
		if s, err := parseSite(text); err == nil {
			t.Errorf("%s: %+v", text, s)
		}
	}
}

// testPolicy stands for those of the balancer package, which must not be
// imported here.
type testPolicy struct {
	Name string `json:"name"`
}

func (testPolicy) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: policyNamespace + ".test_header", New: func() caddy.Module { return new(testPolicy) }}
}

func (p *testPolicy) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if !d.AllArgs(&p.Name) {
		return d.ArgErr()
	}
	return nil
}

func TestRunConfig(t *testing.T) {
	caddy.RegisterModule(testPolicy{})
	same(t, "policies", proposals(t, "run", "--policy", ""), "test_header")
	for name, args := range map[string]string{
		"run_minimal.json": "run --listen :8080 --backend 127.0.0.1:9001 --backend 127.0.0.1:9002",
		"run_full.json": "run --listen https://example.com:8443 --backend https://10.0.0.1:8000-8001 --backend unix//run/a.sock " +
			"--sticky cookie --health-uri /healthz --health-interval 2s --slow-start 30s --max-requests 100 --queue 50 --queue-timeout 5s " +
			"--retries 2 --header-up X-A:1 --header-down X-Backend:{http.load_balance.backend.id} --insecure --internal-certs " +
			"--disable-redirects --pool web --admin unix//run/caddy.sock --access-log --debug --no-persist",
		"run_empty.json": "run --admin off",
	} {
		got := run(t, append(strings.Fields(args), "--print-config", "--policy", "test_header X-User")...)
		same(t, args, got.code, 0)
		same(t, args, got.errOut, "")
		if !json.Valid([]byte(got.out)) {
			t.Errorf("%s: not JSON", args)
		}
		golden(t, name, got.out)
	}
	for args, want := range map[string]string{
		"--backend nowhere:port":                      "--backend",
		"--backend 127.0.0.1:1 --backend 127.0.0.1:1": "already taken",
		"--policy nonesuch":                           `"nonesuch"`,
		"--policy test_header":                        "test_header",
		"--sticky ip":                                 "sticky",
		"--slow-start -1s":                            "slow_start",
		"--queue 1 --queue-timeout 0s":                "timeout",
		"--header-up nothing":                         "--header-up",
		"--insecure":                                  "--insecure",
		"--internal-certs":                            "--internal-certs",
		"--listen example.com/x":                      "path",
	} {
		got := run(t, append([]string{"run", "--print-config"}, strings.Fields(args)...)...)
		same(t, args, got.code, exitUsage)
		contains(t, args, got.errOut, want)
	}
}

func TestInstructions(t *testing.T) {
	s, err := parseSite(":8080")
	if err != nil {
		t.Fatal(err)
	}
	o := runOptions{admin: "localhost:2020"}
	h := &config.Handler{Pool: "8080", Backends: make([]config.Backend, 2)}
	text := o.instructions(s, h)
	contains(t, "instructions", text, "on http://localhost:8080, with 2 backends in the pool 8080.",
		"caddy load-balance status --watch --address localhost:2020\n",
		"caddy load-balance try http://localhost:8080 --address localhost:2020\n")
	checkWidth(t, text, 100)
	o.admin = adminOff
	contains(t, "instructions without an admin endpoint", o.instructions(s, h), "cannot be changed")
}
