package integration

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// adminConfig is a Caddyfile with the pool `web`, and options.
func adminConfig(front, options string, backends ...string) string {
	return fmt.Sprintf("{\n%s\n}\nhttp://%s {\n\tload_balance %s {\n\t\tpool web\n\t}\n}\n", options, front, strings.Join(backends, " "))
}

// TestAdminOverUnixSocket runs a change through an admin endpoint that is a
// unix socket.
func TestAdminOverUnixSocket(t *testing.T) {
	front, first, second := freeAddr(t), freeAddr(t), freeAddr(t)
	socket := filepath.Join(suite.Dir, "admin.sock") // the path must be short
	p := startCaddy(t, adminConfig(front, "\tadmin unix/"+socket, first, second), "caddyfile")
	client := newClient(t, &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}})
	url := "http://caddy/load_balance/pools/web/backends/" + first
	a, err := send(client, http.MethodPatch, url, `{"weight": 7}`)
	if err != nil {
		t.Fatal(err)
	}
	if a.StatusCode != http.StatusOK || a.Header.Get("ETag") != `"2"` || !strings.Contains(a.body, `"weight":7`) {
		t.Errorf("status %d, ETag %s: %s", a.StatusCode, a.Header.Get("ETag"), a.body)
	}
	if a := get(t, client, url); a.StatusCode != http.StatusOK || !strings.Contains(a.body, `"weight":7`) {
		t.Errorf("status %d: %s", a.StatusCode, a.body)
	}
	p.waitLog(t, `"msg":"backend changed by request"`, `"old":{"weight":1},"new":{"weight":7}`)
}

// TestAddedServesAtOnce adds backends that work, and sends requests as soon as
// the answer is there.
func TestAddedServesAtOnce(t *testing.T) {
	front, first := freeAddr(t), freePort(t)
	startBackend(t, first, named("first"))
	p := startCaddy(t, adminConfig(front, "", fmt.Sprintf("127.0.0.1:%d", first)), "caddyfile")
	client := newClient(t, nil)
	waitServing(t, client, "http://"+front)
	for i := range 5 {
		port := freePort(t)
		name := fmt.Sprintf("added %d", i)
		startBackend(t, port, named(name))
		added := p.api(t, http.MethodPost, "/load_balance/backends", fmt.Sprintf(`{"address": "127.0.0.1:%d"}`, port), http.StatusCreated)
		if !strings.Contains(added, `"accepting":true`) {
			// the machine was too busy for a health check within the wait
			p.waitHealthy(t, i+2)
		}
		if got := counts(t, client, i+2, "http://"+front, "Backend"); got[name] != 1 {
			t.Errorf("of %d requests right after the answer %v were served; added was %s", i+2, got, added)
		}
	}
}

// TestAdminOutlivesReload makes sure that the endpoint of the next config shows
// and changes the same pool.
func TestAdminOutlivesReload(t *testing.T) {
	front, first, second := freeAddr(t), freeAddr(t), freeAddr(t)
	p := startCaddy(t, adminConfig(front, "", first, second), "caddyfile")
	const backends = "/load_balance/pools/web/backends"
	p.api(t, http.MethodPatch, backends+"/"+first, `{"weight": 7}`, http.StatusOK)
	config := p.api(t, http.MethodGet, "/config/", "", http.StatusOK)
	config = strings.Replace(config, `"apps":`, `"logging": {"logs": {"default": {"level": "DEBUG"}}}, "apps":`, 1)
	p.api(t, http.MethodPost, "/load", config, http.StatusOK)
	if body := p.api(t, http.MethodGet, backends+"/"+first, "", http.StatusOK); !strings.Contains(body, `"weight":7`) {
		t.Errorf("after the reload: %s", body)
	}
	p.api(t, http.MethodPatch, backends+"/"+first, `{"weight": 8}`, http.StatusOK)
	p.waitLog(t, `"old":{"weight":7},"new":{"weight":8}`)
}

// TestAdminFromBrowser sends what browsers send for pages of other sites: Caddy
// and the API refuse it, each its part.
func TestAdminFromBrowser(t *testing.T) {
	front, first, second := freeAddr(t), freeAddr(t), freeAddr(t)
	p := startCaddy(t, adminConfig(front, "", first, second), "caddyfile")
	client := newClient(t, nil)
	const body = `{"address": "192.0.2.1:80"}`
	for name, c := range map[string]struct {
		header http.Header
		host   string
		status int
	}{
		"a form without an origin":   {http.Header{"Content-Type": {"text/plain"}}, "", 415},
		"a page of another site":     {http.Header{"Content-Type": {"application/json"}, "Origin": {"http://other.example"}}, "", 403},
		"a name that was rebound":    {http.Header{"Content-Type": {"application/json"}}, "other.example", 403},
		"a page without any origin":  {http.Header{"Content-Type": {"application/json"}, "Origin": {"null"}}, "", 400},
		"a form of the same machine": {http.Header{"Content-Type": {"text/plain"}, "Origin": {"http://" + p.Admin}}, "", 415},
	} {
		req, err := http.NewRequest(http.MethodPost, "http://"+p.Admin+"/load_balance/backends", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header, req.Host = c.header, c.host
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != c.status {
			t.Errorf("%s: status %d, want %d", name, resp.StatusCode, c.status)
		}
	}
	if all := p.api(t, http.MethodGet, "/load_balance/status", "", http.StatusOK); strings.Contains(all, "192.0.2.1") {
		t.Errorf("something was added: %s", all)
	}
}

// TestAdminRefusesPlaceholders makes sure that addresses cannot be used to read
// environment variables and files.
func TestAdminRefusesPlaceholders(t *testing.T) {
	front, first := freeAddr(t), freeAddr(t)
	p := startCaddy(t, adminConfig(front, "", first), "caddyfile")
	for _, address := range []string{"{env.HOME}:80", "{file.Caddyfile}", "unix/{env.HOME}", "{system.hostname}"} {
		body := p.api(t, http.MethodPost, "/load_balance/backends", fmt.Sprintf(`{"address": %q}`, address), http.StatusBadRequest)
		if !strings.Contains(body, `"bad_address"`) || strings.Contains(body, p.Home) {
			t.Errorf("%s: %s", address, body)
		}
	}
}
