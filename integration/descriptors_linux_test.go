package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestDescriptorsRunOut takes all descriptors from a running Caddy and gives
// them back. Meanwhile no backend may be to blame, neither by requests nor by
// probes.
func TestDescriptorsRunOut(t *testing.T) {
	for name, transport := range map[string]string{
		"http1": "keepalive off", "net": "keepalive off\n max_conns_per_host 1000",
	} {
		t.Run(name, func(t *testing.T) { descriptorsRunOut(t, transport) })
	}
}

func descriptorsRunOut(t *testing.T, transport string) {
	front, port := freeAddr(t), freePort(t)
	startBackend(t, port, named("one"))
	p := startCaddy(t, fmt.Sprintf(`
http://%s {
	load_balance localhost:%d 127.0.0.1:%d {
		pool web
		health_interval 100ms
		health_fails 1
		fail_duration 1h
		max_fails 1
		lb_retries 3
		transport http {
			%s
		}
	}
}`, front, port, port, transport), "caddyfile")
	client := newClient(t, nil)
	ask := func() int {
		a := get(t, client, "http://"+front)
		if retry := a.Header.Get("Retry-After"); a.StatusCode == http.StatusServiceUnavailable && retry != "1" {
			t.Errorf("Retry-After is %q", retry)
		}
		return a.StatusCode
	}
	healthy := func(lastCheck string) error {
		var status struct {
			Backends []struct {
				ID, Health string
				Accepting  bool
				Failures   int
			}
		}
		body := get(t, client, "http://"+p.Admin+"/load_balance/pools/web").body
		if err := json.Unmarshal([]byte(body), &status); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		for _, b := range status.Backends {
			if b.Health == "down" || !b.Accepting || b.Failures != 0 {
				t.Fatalf("a backend is to blame: %s", body)
			}
			if !strings.Contains(body, lastCheck) {
				return fmt.Errorf("no %q: %s", lastCheck, body)
			}
		}
		return nil
	}
	eventually(t, func() error { // both connections of the client are open then
		if code := ask(); code != http.StatusOK {
			return fmt.Errorf("status %d", code)
		}
		return healthy("connected in")
	})

	began := time.Now()
	restore := limitDescriptors(t, p.Pid())
	for range 100 {
		if code := ask(); code != http.StatusServiceUnavailable {
			t.Fatalf("status %d, want 503", code)
		}
	}
	eventually(t, func() error { return healthy("not probed for want of file descriptors here") })
	lines := strings.Count(p.Log(), "this machine has too little left to connect to backends")
	if most := 1 + int(time.Since(began)/(10*time.Second)); lines < 1 || lines > most {
		t.Errorf("%d lines say that descriptors are lacking, want 1 to %d", lines, most)
	}

	restore()
	for range 10 {
		if code := ask(); code != http.StatusOK {
			t.Errorf("status %d once there are descriptors again", code)
		}
	}
	eventually(t, func() error { return healthy("connected in") })
}

// limitDescriptors leaves a process the descriptors that it has, and no other.
func limitDescriptors(t *testing.T, pid int) (restore func()) {
	t.Helper()
	var limit unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &limit); err != nil {
		t.Fatal(err)
	}
	set := func(n uint64) {
		limit.Cur = n
		if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &limit, nil); err != nil {
			t.Fatal(err)
		}
	}
	before := limit.Cur
	set(0)
	return func() { set(before) }
}
