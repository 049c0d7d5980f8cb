package operate

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/curl"
	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

const autoscaleScript = "../../examples/autoscale/autoscale.sh"

// A script adds backends while there are many requests in flight, and removes
// them when there are few. No request fails, and each server that was started
// ends when it has nothing to do.
func TestAutoscale(t *testing.T) {
	for name, dir := range curl.Clients(t) {
		t.Run(name, func(t *testing.T) {
			f := newFleet(t)
			stop := f.script(t, dir)
			var holding sync.WaitGroup
			for range 40 {
				holding.Go(func() { f.hold(t) })
			}
			f.waitTotal(4) // MAX
			load := startLoad(t, f.front)
			if got := load.shares(t, 200); got["scaled1 v1"] == 0 || got["scaled2 v1"] == 0 {
				t.Errorf("answers came from %v, want some of those that were added", got)
			}
			close(f.release)
			holding.Wait()
			f.waitTotal(2) // MIN
			process.Eventually(t, func() error {
				if started, running := f.count(); started != 2 || running != 0 {
					return fmt.Errorf("%d servers were started, and %d still run", started, running)
				}
				return nil
			})
			stop()
			load.more(t, 50)
			load.end(t)
		})
	}
}

// fleet is a Caddy with two backends, and what starts and stops others.
type fleet struct {
	*site
	release  chan struct{} // closed: requests that are held are answered
	commands string        // URL

	mu      sync.Mutex
	started int
	running []*server
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{release: make(chan struct{})}
	f.site = serve(t, t.TempDir(), "health_uri /health\nlb_policy least_conn", f.server(t, "web1"), f.server(t, "web2"))
	commands := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/start" {
			_, _ = fmt.Fprint(w, f.start(t))
			return
		}
		if err := f.end(filepath.Base(r.URL.Path)); err != nil {
			t.Error(err)
			http.Error(w, err.Error(), http.StatusConflict)
		}
	}))
	t.Cleanup(commands.Close)
	f.commands = commands.URL
	return f
}

// server returns a backend that holds requests which ask for it.
func (f *fleet) server(t *testing.T, id string) *server {
	b := startServer(t, id)
	b.held.Store(&f.release)
	return b
}

func (f *fleet) start(t *testing.T) (addr string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.started++
	b := f.server(t, fmt.Sprintf("scaled%d", f.started))
	f.running = append(f.running, b)
	return b.addr
}

func (f *fleet) count() (started, running int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.started, len(f.running)
}

// end ends a server, which must not be in the pool any more, and have nothing to
// do.
func (f *fleet) end(addr string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.running, func(b *server) bool { return b.addr == addr })
	if i < 0 {
		return fmt.Errorf("there is no server at %q", addr)
	}
	b := f.running[i]
	if status, answer, err := f.call(http.MethodGet, backendPath(addr), ""); err != nil || status != http.StatusNotFound {
		return fmt.Errorf("the server at %s is to be ended, and its backend: status %d: %w: %s", addr, status, err, answer)
	}
	b.mayServe(false)
	if n := b.busy.Load(); n > 0 {
		return fmt.Errorf("the server at %s is to be ended, and has %d requests", addr, n)
	}
	b.down()
	f.running = slices.Delete(f.running, i, i+1)
	return nil
}

// hold makes a request that is not answered until it is released.
func (f *fleet) hold(t *testing.T) {
	resp, err := adminClient.Get("http://" + f.front + "/hold")
	if err != nil {
		t.Error(err)
		return
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("a request that was held got status %d", resp.StatusCode)
	}
}

func (f *fleet) waitTotal(n int) {
	f.t.Helper()
	process.Eventually(f.t, func() error {
		if p := f.pool(); p.Total != n || p.Accepting != n {
			return fmt.Errorf("%d of %d backends accept, want %d; %d requests in flight", p.Accepting, p.Total, n, p.InFlight)
		}
		return nil
	})
}

// script runs the script until stop is called.
func (f *fleet) script(t *testing.T, curlDir string) (stop func()) {
	t.Helper()
	for name, text := range map[string]string{
		"start": "exec curl -sS --fail-with-body " + f.commands + "/start",
		"stop":  "exec curl -sS --fail-with-body -X POST " + f.commands + `/"$1"`,
	} {
		if err := os.WriteFile(filepath.Join(f.home, name), []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	script, err := filepath.Abs(autoscaleScript)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cmd := process.Command(ctx, f.home, script, "web", "./start", "./stop")
	cmd.Env = append(cmd.Env, "PATH="+curlDir+":"+os.Getenv("PATH"), "ADMIN="+f.admin,
		"MIN=2", "MAX=4", "HIGH=8", "LOW=5", "DEADLINE=20", "INTERVAL=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	out, err := os.Create(filepath.Join(f.home, "script.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		cancel()
		_ = cmd.Wait() // it was killed
	})
	t.Cleanup(func() {
		stop()
		if text, err := os.ReadFile(out.Name()); t.Failed() {
			t.Logf("the script has said: %s %v", text, err)
		}
	})
	return stop
}
