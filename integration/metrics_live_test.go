package integration

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// waitMetric returns once the series of a metric are these.
func (p *proc) waitMetric(t *testing.T, name, want string, with ...string) {
	t.Helper()
	eventually(t, func() error {
		if got := p.metrics(t).list(name, with...); got != want {
			return fmt.Errorf("%s %v: got %s, want %s", name, with, got, want)
		}
		return nil
	})
}

// TestMetricsOfTunnel opens a WebSocket and closes it.
func TestMetricsOfTunnel(t *testing.T) {
	front, port := freeAddr(t), freePort(t)
	startBackend(t, port, echoServer("a"))
	p := startCaddy(t, fmt.Sprintf("http://%s {\n\tload_balance 127.0.0.1:%d {\n\t\tpool web\n\t}\n}\n", front, port), "caddyfile")
	a := fmt.Sprintf("backend=127.0.0.1:%d", port)
	ws := openWebSocket(t, front)
	echo(t, ws, "hello")
	m := p.metrics(t)
	m.want(t, "tunnels", "1", "pool=web", a)
	m.want(t, "requests_in_flight", "1", "pool=web", a)
	m.want(t, "requests_total", "code=1xx 1", "pool=web", a)
	if err := ws.Close(); err != nil {
		t.Fatal(err)
	}
	p.waitMetric(t, "tunnels", "")
	p.waitMetric(t, "requests_in_flight", "")
	p.metrics(t).want(t, "request_duration_seconds", "")
}

// TestMetricsOfHealth has health checks pass and requests fail. The checks are of
// connections, which do not end an ejection.
func TestMetricsOfHealth(t *testing.T) {
	p := startPair(t, http.StatusInternalServerError, "health_interval 50ms", "", "max_fails 1\n\t\teject_time 10m\n\t\tunhealthy_status 500")
	bad, good := []string{"pool=web", "backend=bad"}, []string{"pool=web", "backend=good"}
	for range 2 { // one for each
		p.ask(t)
	}
	p.waitMetric(t, "backend_state", "state=ejected 1", bad...)
	m := p.metrics(t)
	m.want(t, "ejections_total", "1", bad...)
	m.want(t, "state_changes_total", "1", bad...)
	m.want(t, "backend_accepting", "1", good...)
	m.want(t, "backend_accepting", "", bad...)
	m.want(t, "backend_up", "1", bad...)
	m.want(t, "requests_total", "code=5xx 1", bad...)
	m.want(t, "failures_total", "")
	eventually(t, func() error {
		if n := p.metrics(t).all("probes_total", bad...)["result=passed"]; n < 2 {
			return fmt.Errorf("%v health checks have passed", n)
		}
		return nil
	})
}

// TestMetricsOfQueue has a request wait for another one to end.
func TestMetricsOfQueue(t *testing.T) {
	front, b := freeAddr(t), startBusy(t)
	p := startCaddy(t, fmt.Sprintf(`
http://%s {
	load_balance {
		pool web
		backend %s {
			id a
			max_requests 1
		}
		queue 1 1m
	}
}
`, front, b.addr), "caddyfile")
	client := newClient(t, nil)
	first := call(t, client, "http://"+front+"/first")
	wantStarted(t, b, "/first")
	second := call(t, client, "http://"+front+"/second")
	p.waitMetric(t, "queue_length", "pool=web 1")
	if a := get(t, client, "http://"+front+"/third"); a.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("status %d", a.StatusCode)
	}
	m := p.metrics(t)
	m.want(t, "queue_size", "pool=web 1")
	m.want(t, "requests_in_flight", "backend=a pool=web 1")
	m.want(t, "queue_requests_total", "pool=web result=refused 1")
	m.want(t, "selection_failures_total", "pool=web reason=queue_full 1")
	m.want(t, "queue_wait_seconds", "")
	b.goOn <- struct{}{}
	first.wantFrom(t, b.addr)
	wantStarted(t, b, "/second")
	b.goOn <- struct{}{}
	second.wantFrom(t, b.addr)
	m = p.metrics(t)
	m.want(t, "queue_requests_total", "pool=web result=refused 1, pool=web result=served 1")
	m.want(t, "queue_wait_seconds", "pool=web 1")
	m.want(t, "queue_length", "")
}

// TestMetricsOfStorage has a storage that fails, and then works.
func TestMetricsOfStorage(t *testing.T) {
	home := t.TempDir()
	data := filepath.Join(home, "data", "caddy")
	if err := os.MkdirAll(data, 0o700); err != nil {
		t.Fatal(err)
	}
	obstacle := filepath.Join(data, "load_balance") // a file where a directory is to be
	if err := os.WriteFile(obstacle, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const pools = "http://%s {\n\tload_balance /a %s {\n\t\tpool web\n\t}\n\tload_balance %[2]s {\n\t\tpool off\n\t\tpersist off\n\t}\n}\n"
	p := startCaddyfile(t, home, "Caddyfile", fmt.Sprintf(pools, freeAddr(t), freeAddr(t)))
	p.waitMetric(t, "pool_storage_up", "")
	p.metrics(t).want(t, "pool_instances", "pool=web 1")
	if err := os.Remove(obstacle); err != nil {
		t.Fatal(err)
	}
	p.waitMetric(t, "pool_storage_up", "pool=web 1")
}
