package integration

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/curl"
)

// TestDemo does with the demo what a new user does: sees three backends, adds
// the fourth, and removes one while requests are running.
func TestDemo(t *testing.T) {
	p, r := startExample(t, "demo/Caddyfile")
	client := newClient(t, nil)
	url := "http://" + r.addr(t, 8080)

	got := make(map[string]int)
	for range 3 {
		got[get(t, client, url).body]++
	}
	want := map[string]int{"hello from backend 1\n": 1, "hello from backend 2\n": 1, "hello from backend 3\n": 1}
	if !maps.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}

	fourth := r.addr(t, 9004)
	p.api(t, http.MethodPost, "/load_balance/backends", fmt.Sprintf(`{"address": %q}`, fourth), http.StatusCreated)
	eventually(t, func() error {
		if body := get(t, client, url).body; body != "hello from backend 4\n" {
			return fmt.Errorf("the fourth backend is not there yet: %s", body)
		}
		return nil
	})

	load := startLoad(t, client, url)
	load.waitFor(t, 200)
	p.api(t, http.MethodDelete, "/load_balance/backends?id="+fourth, "", http.StatusNoContent)
	load.waitFor(t, 200)
	load.end(t)
	for range 8 {
		if a := get(t, client, url); a.StatusCode != http.StatusOK || a.body == "hello from backend 4\n" {
			t.Errorf("after the removal: status %d: %s", a.StatusCode, a.body)
		}
	}
	p.waitLog(t, "backend added", "backend removed")
	for line := range strings.Lines(p.Log()) {
		if !strings.Contains(line, "backend ") {
			t.Errorf("the demo's log should have changes of backends only, and has %q", line)
		}
	}
}

// TestDemoHints runs the commands that the demo shows first.
func TestDemoHints(t *testing.T) {
	var commands []string
	for line := range strings.Lines(readFile(t, "examples/demo/try.txt")) {
		if command := strings.TrimSpace(line); strings.HasPrefix(command, "curl ") {
			commands = append(commands, command)
		}
	}
	if len(commands) != 4 {
		t.Fatalf("got %d commands, want 4: %q", len(commands), commands)
	}
	for name, path := range curl.Clients(t) {
		t.Run(name, func(t *testing.T) {
			p, r := startExample(t, "demo/Caddyfile")
			s := section{r, p}
			for i, want := range []string{"backend 3", "127.0.0.1:9004", "", "127.0.0.1:9001"} {
				s.run(t, path, codeBlock{text: commands[i]}, want)
			}
		})
	}
}

// loadClients is how many clients a load has.
const loadClients = 8

// load is a number of clients that make one request after the other.
type load struct {
	done   atomic.Int64
	failed atomic.Int64
	first  atomic.Pointer[string] // what failed first
	stop   chan struct{}
	wg     sync.WaitGroup
}

func startLoad(t *testing.T, client *http.Client, url string) *load {
	t.Helper()
	l := &load{stop: make(chan struct{})}
	for range loadClients {
		l.wg.Go(func() {
			for {
				select {
				case <-l.stop:
					return
				default:
				}
				a, err := send(client, http.MethodGet, url, "")
				if err != nil || a.StatusCode != http.StatusOK {
					l.failed.Add(1)
					text := fmt.Sprintf("%v %+v", err, a)
					l.first.CompareAndSwap(nil, &text)
				}
				l.done.Add(1)
			}
		})
	}
	t.Cleanup(func() { l.end(t) })
	return l
}

// waitFor returns once n more requests have ended.
func (l *load) waitFor(t *testing.T, n int64) {
	t.Helper()
	goal := l.done.Load() + n
	eventually(t, func() error {
		if done := l.done.Load(); done < goal {
			return fmt.Errorf("%d of %d requests have ended", done, goal)
		}
		return nil
	})
}

// end stops the clients; no request may have failed. Calling it again does
// nothing.
func (l *load) end(t *testing.T) {
	t.Helper()
	select {
	case <-l.stop:
		return
	default:
		close(l.stop)
	}
	l.wg.Wait()
	if n := l.failed.Load(); n > 0 {
		t.Errorf("%d of %d requests failed, the first with: %s", n, l.done.Load(), *l.first.Load())
	}
}
