package persist

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
