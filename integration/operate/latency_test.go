package operate

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"
)

const manyBackends = 1000

// A backend is added to and removed from a thousand others, time and again. How
// long that takes is told and not judged, but for what nobody would call at
// once. What is stored is in memory, where the system has such a file system.
func TestChangesAtThousandBackends(t *testing.T) {
	stays, comes := startServer(t, "stays"), startServer(t, "comes")
	s := serve(t, memoryDir(t), "health_interval off", stays)
	many := []map[string]any{{"id": stays.id, "address": stays.addr}}
	for i := range manyBackends {
		many = append(many, map[string]any{"address": fmt.Sprintf("127.1.%d.%d:9", i/250, i%250+1), "priority": 1})
	}
	body, err := json.Marshal(many)
	if err != nil {
		t.Fatal(err)
	}
	s.do(http.MethodPut, "/backends", string(body), http.StatusOK)
	first := s.pool().Revision

	var adds, patches, removals []time.Duration
	timed := func(list *[]time.Duration, method, path, body string, want int) {
		t.Helper()
		begin := time.Now()
		s.do(method, path, body, want)
		*list = append(*list, time.Since(begin))
	}
	rounds := scale(30, 500)
	add := fmt.Sprintf(`{"id": %q, "address": %q}`, comes.id, comes.addr)
	for range rounds {
		timed(&adds, http.MethodPost, "/backends", add, http.StatusCreated)
		timed(&patches, http.MethodPatch, backendPath(comes.id), `{"weight": 2}`, http.StatusOK)
		timed(&removals, http.MethodDelete, backendPath(comes.id), "", http.StatusNoContent)
	}
	figure("add at 1,000 backends", adds)
	figure("patch at 1,000 backends", patches)
	figure("remove at 1,000 backends", removals)
	for what, list := range map[string][]time.Duration{"add": adds, "patch": patches, "remove": removals} {
		if fastest := list[0]; fastest > 500*time.Millisecond { // figure has sorted them
			t.Errorf("to %s a backend took %s at least", what, fastest)
		}
	}
	after := s.pool()
	if after.Total != manyBackends+1 || after.Revision != first+int64(3*rounds) {
		t.Errorf("there are %d backends, and the revision is %d, which was %d", after.Total, after.Revision, first)
	}
}

// memoryDir returns a directory on a file system in memory, if there is one.
func memoryDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "load-balance-operate-") //nolint:usetesting // t.TempDir is on a disk
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}
