//go:build unix

package persist

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

// hang puts in place of a file what nobody can read until end is called, and
// what has no end then either.
func hang(t *testing.T, file string) (end func()) {
	t.Helper()
	fifo := t.TempDir() + "/fifo"
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(fifo, file); err != nil {
		t.Fatal(err)
	}
	return func() {
		f, err := os.OpenFile(fifo, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
	}
}

// A storage that does not answer is waited for at the start, but not for long.
// Requests never wait for it, and changes are refused. Once it answers, what it
// has is in force.
func TestStorageHangs(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	s := newSetup(t)
	s.pools = []string{"other", "web"}
	s.backend = server.Listener.Addr().String()
	in := s.start(t)
	in.must(http.StatusCreated, http.MethodPost, "pools/web/backends", backend{Address: "10.0.0.1:80"})
	if err := in.Stop(); err != nil {
		t.Fatal(err)
	}
	document := s.file("web.json")
	sane := readFile(t, document)
	end := hang(t, document)
	began := time.Now()
	in = s.start(t)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the start took %s", took)
	}
	if got := in.weights("web"); len(got) != 2 {
		t.Errorf("before the storage has answered, there are %v", got)
	}
	in.ask(50)
	began = time.Now()
	go func() { time.AfterFunc(time.Second, func() { in.ask(50) }) }()
	in.must(http.StatusServiceUnavailable, http.MethodPost, "pools/web/backends", backend{Address: "10.0.0.2:80"})
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("a change was refused after %s", took)
	}
	in.ask(50)
	if p := in.pool("web"); p.Storage.Status != "failing" || !strings.Contains(p.Storage.Error, "has not answered") {
		t.Errorf("the storage is %+v", p.Storage)
	}
	in.must(http.StatusCreated, http.MethodPost, "pools/other/backends", backend{Address: "10.0.0.3:80"})

	writeFile(t, document+".new", sane)
	if err := os.Rename(document+".new", document); err != nil {
		t.Fatal(err)
	}
	end()
	process.Eventually(t, func() error {
		if got := in.weights("web"); len(got) != 3 {
			return fmt.Errorf("once the storage has answered, there are %v", got)
		}
		return nil
	})
	in.must(http.StatusCreated, http.MethodPost, "pools/web/backends", backend{Address: "10.0.0.2:80"})
	if p := in.pool("web"); p.Storage.Status != "ok" {
		t.Errorf("the storage is %+v", p.Storage)
	}
	in.logged("what was changed at runtime is in force now")
}

// ask makes requests, which must be answered at once.
func (in *instance) ask(n int) {
	for range n {
		began := time.Now()
		resp, err := in.client.Get("http://" + in.front + "/web")
		if err != nil {
			in.t.Error(err)
			return
		}
		_ = resp.Body.Close()
		if took := time.Since(began); resp.StatusCode != http.StatusOK || took > 2*time.Second {
			in.t.Errorf("a request was answered with %s after %s", resp.Status, took)
			return
		}
	}
}
