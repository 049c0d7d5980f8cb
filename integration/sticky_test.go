package integration

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/certmagic"
)

// visitor is a client that keeps one cookie as a browser does.
type visitor struct {
	client *http.Client
	url    string
	cookie *http.Cookie
}

// visit makes a request and returns the name of the backend that answered, and
// the cookies that were set.
func (v *visitor) visit(t *testing.T) (backend string, set []*http.Cookie) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, v.url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if v.cookie != nil {
		req.AddCookie(&http.Cookie{Name: v.cookie.Name, Value: v.cookie.Value})
	}
	a, err := do(v.client, req)
	if err != nil {
		t.Fatal(err)
	}
	if a.StatusCode != http.StatusOK {
		t.Fatalf("%s: status %d: %s", v.url, a.StatusCode, a.body)
	}
	for _, c := range a.Cookies() {
		v.cookie = c
	}
	return a.Header.Get("Backend"), a.Cookies()
}

// newVisitor makes the first request of a visitor.
func newVisitor(t *testing.T, url string) (v *visitor, backend string) {
	t.Helper()
	v = &visitor{client: newClient(t, nil), url: url}
	backend, set := v.visit(t)
	if len(set) != 1 {
		t.Fatalf("a new visitor got the cookies %v", set)
	}
	return v, backend
}

// stays has the visitor make some requests, which must be answered by the
// backend without a cookie being set.
func (v *visitor) stays(t *testing.T, backend string) {
	t.Helper()
	for range 4 {
		if got, set := v.visit(t); got != backend || len(set) > 0 {
			t.Errorf("answered by %s, cookies %v; want %s and none", got, set, backend)
		}
	}
}

// TestExampleSticky follows visitors through reload, drain and maintenance.
func TestExampleSticky(t *testing.T) {
	p, r := startExample(t, "sticky/Caddyfile", 9001, 9002)
	url := "http://" + r.addr(t, 8080)
	ids := map[string]string{"9001": "one", "9002": "two"}
	visitors, first := make(map[string]*visitor), ""
	for len(visitors) < len(ids) {
		v, backend := newVisitor(t, url)
		visitors[backend] = v
		first = backend
		c := v.cookie
		if c.Name != "shop_backend" || len(c.Value) != 64 || c.MaxAge != 8*60*60 || c.Path != "/" || !c.HttpOnly || c.Secure ||
			c.SameSite != http.SameSiteStrictMode || c.Domain != "" {
			t.Errorf("the cookie is %s", c.Raw)
		}
	}
	for backend, v := range visitors {
		v.stays(t, backend)
	}
	config := r.text(t, readFile(t, "examples/sticky/Caddyfile"))
	if status, body := p.load(t, strings.Replace(config, "least_conn", "round_robin", 1)); status != http.StatusOK {
		t.Fatalf("reload: status %d: %s", status, body)
	}
	for backend, v := range visitors {
		v.stays(t, backend)
	}
	admin := "/load_balance/pools/shop/backends/" + ids[first]
	p.api(t, http.MethodPatch, admin, `{"admin_state": "drain"}`, http.StatusOK)
	visitors[first].stays(t, first)
	for range 4 {
		if v, backend := newVisitor(t, url); backend == first {
			t.Errorf("a new visitor was sent to the draining backend: %v", v.cookie)
		}
	}
	p.api(t, http.MethodPatch, admin, `{"admin_state": "maintenance"}`, http.StatusOK)
	backend, set := visitors[first].visit(t)
	if backend == first || len(set) != 1 {
		t.Errorf("in maintenance: answered by %s, cookies %v", backend, set)
	}
	visitors[first].stays(t, backend)
	p.api(t, http.MethodPatch, admin, `{"admin_state": "ready"}`, http.StatusOK)
	visitors[first].stays(t, backend)
}

// Clients are known by the address that a trusted proxy reports, over reloads, and
// while their backend drains.
func TestStickyClientIP(t *testing.T) {
	r := make(relocation)
	startNamed(t, r, 9001, 9002, 9003)
	front := freeAddr(t)
	config := r.text(t, fmt.Sprintf(`{
	servers {
		trusted_proxies static 127.0.0.1/32
	}
}
http://%s {
	load_balance 127.0.0.1:9001 127.0.0.1:9002 127.0.0.1:9003 {
		pool web
		sticky client_ip
	}
}
`, front))
	p := startCaddy(t, config, "caddyfile")
	client := newClient(t, nil)
	visit := func(ip string) string {
		t.Helper()
		req, err := http.NewRequest(http.MethodGet, "http://"+front, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Forwarded-For", ip)
		a, err := do(client, req)
		if err != nil {
			t.Fatal(err)
		}
		if a.StatusCode != http.StatusOK || len(a.Cookies()) > 0 {
			t.Errorf("status %d, cookies %v: %s", a.StatusCode, a.Cookies(), a.body)
		}
		return a.Header.Get("Backend")
	}
	at := make(map[string]string)
	taken := make(map[string]int)
	for i := range 9 {
		ip := fmt.Sprintf("192.0.2.%d", i)
		at[ip] = visit(ip)
		taken[at[ip]]++
	}
	if len(taken) != 3 || taken["9001"] != 3 {
		t.Errorf("new clients went to %v", taken)
	}
	stay := func(when string) {
		t.Helper()
		for ip, backend := range at {
			if got := visit(ip); got != backend {
				t.Errorf("%s: client %s went to %s, want %s", when, ip, got, backend)
			}
		}
	}
	stay("at first")
	if status, body := p.load(t, strings.Replace(config, "sticky", "lb_policy random\n\t\tsticky", 1)); status != http.StatusOK {
		t.Fatalf("reload: status %d: %s", status, body)
	}
	stay("after a reload")
	admin := "/load_balance/pools/web/backends/" + r.addr(t, 9001)
	p.api(t, http.MethodPatch, admin, `{"admin_state": "drain"}`, http.StatusOK)
	stay("while one drains")
	if body := p.api(t, http.MethodGet, admin, "", http.StatusOK); !strings.Contains(body, `"last_session":`) {
		t.Errorf("status says nothing of sessions: %s", body)
	}
	p.api(t, http.MethodPatch, admin, `{"admin_state": "maintenance"}`, http.StatusOK)
	for ip := range at {
		if at[ip] == "9001" {
			if at[ip] = visit(ip); at[ip] == "9001" {
				t.Errorf("client %s went to a backend in maintenance", ip)
			}
		}
	}
	stay("after one has gone")
}

// startSticky starts a Caddy that gives its visitors cookies. All that have the
// same home have the same storage, and need names of their own.
func startSticky(t *testing.T, home, name string, backends ...string) (p *proc, url string) {
	t.Helper()
	front := freeAddr(t)
	return startCaddyfile(t, home, name, fmt.Sprintf("http://%s {\n\tload_balance %s {\n\t\tsticky cookie\n\t}\n}\n",
		front, strings.Join(backends, " "))), "http://" + front
}

// A cookie counts at all instances that share a storage, and after a restart;
// nothing tells of the secret but the storage.
func TestStickySecretInStorage(t *testing.T) {
	backends := make([]string, 3)
	for i := range backends {
		port := freePort(t)
		backends[i] = fmt.Sprintf("127.0.0.1:%d", port)
		startBackend(t, port, named(backends[i]))
	}
	home := t.TempDir()
	run := func(name string) (p *proc, url string) {
		return startSticky(t, home, name, backends...)
	}
	one, urlOne := run("one")
	_, urlTwo := run("two")
	var visitors []*visitor
	var at []string
	for _, url := range []string{urlOne, urlTwo, urlOne, urlTwo} {
		v, backend := newVisitor(t, url)
		visitors, at = append(visitors, v), append(at, backend)
	}
	expectStay := func(url string) {
		t.Helper()
		for i, v := range visitors {
			v.url = url
			v.stays(t, at[i])
		}
	}
	expectStay(urlTwo)
	expectStay(urlOne)
	one.stop(t)
	three, urlThree := run("three")
	expectStay(urlThree)

	file := filepath.Join(three.Data, "load_balance", "secret")
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the stored secret has the mode %v, %v", info.Mode(), err)
	}
	stored, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, secret, _ := strings.Cut(string(stored), `"secret":"`)
	secret, _, _ = strings.Cut(secret, `"`)
	if len(secret) < 40 {
		t.Fatalf("stored is %s", stored)
	}
	for _, path := range []string{"/config/", "/load_balance/status", "/metrics"} {
		if strings.Contains(three.api(t, http.MethodGet, path, "", http.StatusOK), secret) {
			t.Errorf("%s has the secret", path)
		}
	}
	if strings.Contains(one.Log()+three.Log(), secret) {
		t.Error("the log has the secret")
	}
}

// A backend that dies hands its sessions over: with a retry nobody notices but
// by the one cookie that is set.
func TestStickyBackendDies(t *testing.T) {
	r := make(relocation)
	startNamed(t, r, 9002)
	dying := startBackend(t, r.port(t, 9001), named("9001"))
	front := freeAddr(t)
	p := startCaddy(t, r.text(t, fmt.Sprintf(`http://%s {
	load_balance 127.0.0.1:9001 127.0.0.1:9002 {
		pool web
		lb_policy first
		lb_retries 1
		health_interval off
		sticky cookie
	}
}
`, front)), "caddyfile")
	v, backend := newVisitor(t, "http://"+front)
	if backend != "9001" {
		t.Fatalf("answered by %s", backend)
	}
	dying.CloseClientConnections()
	dying.Close()
	if backend, set := v.visit(t); backend != "9002" || len(set) != 1 {
		t.Errorf("answered by %s, cookies %v", backend, set)
	}
	v.stays(t, "9002")
	p.api(t, http.MethodPatch, "/load_balance/pools/web/backends/"+r.addr(t, 9002), `{"admin_state": "maintenance"}`, http.StatusOK)
	a := get(t, v.client, v.url) // there is nobody left who answers
	if a.StatusCode != http.StatusBadGateway || len(a.Cookies()) > 0 {
		t.Errorf("status %d, cookies %v", a.StatusCode, a.Cookies())
	}
}

// A start does not wait for a lock that a crash has left behind.
func TestStickyWithOrphanedLock(t *testing.T) {
	port, home := freePort(t), t.TempDir()
	startBackend(t, port, named("b"))
	locks := filepath.Join(home, "data", "caddy", "locks")
	if err := os.MkdirAll(locks, 0o700); err != nil {
		t.Fatal(err)
	}
	fresh := `{"created":"2999-01-01T00:00:00Z","updated":"2999-01-01T00:00:00Z"}`
	lock := filepath.Join(locks, certmagic.StorageKeys.Safe("load_balance/secret")+".lock")
	if err := os.WriteFile(lock, []byte(fresh), 0o600); err != nil {
		t.Fatal(err)
	}
	p, url := startSticky(t, home, "Caddyfile", fmt.Sprintf("127.0.0.1:%d", port))
	p.waitLog(t, "storage is slow to answer")
	v, _ := newVisitor(t, url)
	if err := os.Remove(lock); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		_, err := os.Stat(filepath.Join(p.Data, "load_balance", "secret"))
		return err
	})
	v.stays(t, "b")
}

// A damaged secret, and a storage that cannot be written to, stop nothing.
func TestStickyWithFaultyStorage(t *testing.T) {
	port, home := freePort(t), t.TempDir()
	startBackend(t, port, named("b"))
	dir := filepath.Join(home, "data", "caddy", "load_balance")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	// what is in the way of setting it aside is a directory
	aside := filepath.Join(dir, "secret.damaged")
	if err := os.Mkdir(aside, 0o700); err != nil {
		t.Fatal(err)
	}
	p, url := startSticky(t, home, "Caddyfile", fmt.Sprintf("127.0.0.1:%d", port))
	p.waitLog(t, "storing the secret of sticky sessions")
	v, _ := newVisitor(t, url)
	v.stays(t, "b")
	if err := os.Remove(aside); err != nil {
		t.Fatal(err)
	}
	p.waitLog(t, "set aside", "is stored now")
	v.stays(t, "b")
	if got, err := os.ReadFile(aside); err != nil || string(got) != "damaged" {
		t.Errorf("set aside is %q, %v", got, err)
	}
}

// validate reads the storage and writes nothing.
func TestStickyValidateWritesNothing(t *testing.T) {
	home := t.TempDir()
	if err := os.WriteFile(filepath.Join(home, "Caddyfile"), []byte(":8884 {\n\tload_balance 127.0.0.1:9 {\n\t\tsticky cookie\n\t}\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, log, err := caddyIn(t, home, "validate", "--config", "Caddyfile"); err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	err := filepath.Walk(home, func(name string, _ os.FileInfo, err error) error {
		if strings.Contains(name, "load_balance") {
			t.Errorf("there is %s", name)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
