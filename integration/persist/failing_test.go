package persist

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

// A storage that cannot be written to is 503, and nothing has changed. Where it
// fails is tried at each place that a change goes through.
func TestStorageFails(t *testing.T) {
	for name, path := range map[string]string{"documents": "load_balance", "locks": "locks"} {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t)
			in := s.start(t)
			in.change("web")
			in.idle()
			dir := filepath.Join(s.storage, path)
			if err := os.Rename(dir, dir+".away"); err != nil {
				t.Fatal(err)
			}
			writeFile(t, dir, nil) // a file where the directory was, which stops root as well
			before := in.pool("web")
			for method, path := range map[string]string{http.MethodPost: "pools/web/backends", http.MethodDelete: "pools/web/backends/10.0.0.1:80"} {
				var body any
				if method == http.MethodPost {
					body = backend{Address: "10.0.0.9:80"}
				}
				if answer := in.must(http.StatusServiceUnavailable, method, path, body); !strings.Contains(string(answer), `"code":"storage_failed"`) {
					t.Errorf("%s: %s", method, answer)
				}
			}
			after := in.pool("web")
			if after.Revision != before.Revision || !maps.Equal(in.weights("web"), changed) || after.Storage.Number != before.Storage.Number {
				t.Errorf("there is %+v, and was %+v", after, before)
			}
			if after.Storage.Status != "failing" || after.Storage.Error == "" {
				t.Errorf("the storage is %+v", after.Storage)
			}
			in.logged("the storage of runtime changes fails")
			if err := os.Remove(dir); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(dir+".away", dir); err != nil {
				t.Fatal(err)
			}
			in.logged("the storage of runtime changes works again")
			in.must(http.StatusNoContent, http.MethodDelete, "pools/web/backends/10.0.0.1:80", nil)
			if p := in.pool("web"); p.Storage.Status != "ok" || p.Storage.Number != before.Storage.Number+1 {
				t.Errorf("the storage is %+v", p.Storage)
			}
			if n := strings.Count(in.Log(), "the storage of runtime changes fails"); n != 1 {
				t.Errorf("the log says %d times that the storage fails", n)
			}
		})
	}
}

// idle returns once the instance holds no lock any more, which it does for some
// milliseconds after a change.
func (in *instance) idle() {
	in.t.Helper()
	process.Eventually(in.t, func() error {
		held, err := filepath.Glob(filepath.Join(in.storage, "locks", "load_balance*"))
		if err == nil && held != nil {
			err = fmt.Errorf("%v are there", held)
		}
		return err
	})
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
