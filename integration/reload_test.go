package integration

import (
	"fmt"
	"maps"
	"net"
	"net/http"
	"strings"
	"testing"
)

// TestReload reloads a config under load: the pool goes on with what was
// changed at runtime, no request fails, and configs that are refused change
// nothing.
func TestReload(t *testing.T) {
	front := freeAddr(t)
	backends := make([]string, 3)
	for i := range backends {
		port := freePort(t)
		backends[i] = fmt.Sprintf("127.0.0.1:%d", port)
		startBackend(t, port, named(backends[i]))
	}
	config := fmt.Sprintf("http://%s {\n\tload_balance %s %s {\n\t\tpool web\n\t}\n}\n", front, backends[0], backends[1])
	p := startCaddy(t, config, "caddyfile")
	client := newClient(t, nil)
	url := "http://" + front
	all := map[string]int{backends[0]: 3, backends[1]: 3, backends[2]: 3}
	p.api(t, http.MethodPost, "/load_balance/backends", fmt.Sprintf(`{"address": %q}`, backends[2]), http.StatusCreated)
	shares := func() error {
		if got := counts(t, client, 9, url, "Backend"); !maps.Equal(got, all) {
			return fmt.Errorf("got %v, want %v", got, all)
		}
		return nil
	}
	eventually(t, shares)

	load := startLoad(t, client, url)
	load.waitFor(t, 100)
	if status, body := p.load(t, strings.Replace(config, "pool web", "pool web\n\t\tlb_retries 1", 1)); status != http.StatusOK {
		t.Fatalf("reload: status %d: %s", status, body)
	}
	load.waitFor(t, 100)
	taken, err := net.Listen("tcp", freeAddr(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	for name, bad := range map[string]string{
		"no such option":  strings.Replace(config, "pool web", "pool web\n\t\tno_such_option", 1),
		"no such pool":    strings.Replace(config, "}\n}\n", "}\n\tload_balance /x {\n\t\tpool other\n\t}\n}\n", 1),
		"no such backend": strings.Replace(config, backends[0], "ftp://"+backends[0], 1),
		"port in use":     config + "http://" + taken.Addr().String() + " {\n\trespond hi\n}\n",
	} {
		if status, body := p.load(t, bad); status == http.StatusOK || !strings.Contains(body, "error") {
			t.Errorf("%s: reload has status %d: %s", name, status, body)
		}
	}
	load.waitFor(t, 100)
	load.end(t)
	eventually(t, shares)
}

// load replaces the config by another Caddyfile.
func (p *proc) load(t *testing.T, caddyfile string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, "http://"+p.Admin+"/load", strings.NewReader(caddyfile))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "text/caddyfile")
	a, err := do(newClient(t, nil), req)
	if err != nil {
		t.Fatal(err)
	}
	return a.StatusCode, a.body
}
