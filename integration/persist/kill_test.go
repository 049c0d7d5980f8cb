package persist

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// kills is how often a process is killed.
const kills = 40

// TestKilled kills Caddy at random moments of a stream of changes. Whatever was
// answered is there when it starts again, and of the change that was not, all
// or nothing.
func TestKilled(t *testing.T) {
	s := newSetup(t)
	s.plain = true
	want := map[string]int{"127.0.0.1:1": 1, "127.0.0.1:2": 1}
	var maybe map[string]int // with the change in flight
	var number uint64
	done, applied, lost := 0, 0, 0
	for range kills {
		in := s.start(t)
		p := in.pool("web")
		got := in.weights("web")
		switch {
		case maybe != nil && maps.Equal(got, maybe):
			want, applied = maybe, applied+1
		case maps.Equal(got, want):
			lost++
		default:
			t.Fatalf("after kill -9, there are\n%v\nwant\n%v\nor\n%v", got, want, maybe)
		}
		if p.Storage.Number < number || p.Storage.Status != "ok" {
			t.Fatalf("the storage is %+v, after document %d", p.Storage, number)
		}
		tenSecondsLater(t, s.storage)
		ended := make(chan int)
		go func() {
			var n int
			n, maybe = in.stream(want)
			ended <- n
		}()
		// the kill is to come at no particular moment
		time.AfterFunc(rand.N(150*time.Millisecond), in.Kill)
		done += <-ended
		number = p.Storage.Number
	}
	t.Logf("%d changes were answered; of those that were not, %d had been stored and %d had not", done, applied, lost)
	if done < kills {
		t.Errorf("only %d changes were made between %d kills", done, kills)
	}
	if aside, _ := filepath.Glob(s.file("*damaged*")); aside != nil {
		t.Errorf("%v were set aside", aside)
	}
}

// stream makes changes until the instance is gone. want becomes what they
// amount to; maybe is what it would be with the last one, which was not
// answered.
func (in *instance) stream(want map[string]int) (n int, maybe map[string]int) {
	for ; ; n++ {
		maybe = maps.Clone(want)
		method, path, body, expected := next(maybe)
		status, answer, err := in.call(method, path, body)
		if err != nil {
			return n, maybe
		}
		if status != expected {
			in.t.Errorf("%s %s: status %d: %s", method, path, status, answer)
			return n, maybe
		}
		maps.Copy(want, maybe)
		maps.DeleteFunc(want, func(id string, _ int) bool { _, kept := maybe[id]; return !kept })
	}
}

// next makes up a change, and makes it on backends.
func next(backends map[string]int) (method, path string, body any, status int) {
	var ids []string
	for id := range backends {
		if !strings.HasPrefix(id, "127.") {
			ids = append(ids, id)
		}
	}
	kind := rand.IntN(3)
	if len(ids) == 0 || kind == 0 && len(ids) < 200 {
		id := fmt.Sprintf("10.%d.%d.%d:80", rand.IntN(256), rand.IntN(256), rand.IntN(256))
		backends[id] = 1 + rand.IntN(100)
		return http.MethodPost, "pools/web/backends", backend{Address: id, Weight: backends[id], Labels: map[string]string{"text": strings.Repeat("x", 200)}}, http.StatusCreated
	}
	id := ids[rand.IntN(len(ids))]
	if kind == 1 {
		delete(backends, id)
		return http.MethodDelete, "pools/web/backends/" + id, nil, http.StatusNoContent
	}
	backends[id] = 1 + rand.IntN(100)
	return http.MethodPatch, "pools/web/backends/" + id, backend{Weight: backends[id]}, http.StatusOK
}

// tenSecondsLater makes the locks that a crash has left behind as old as they
// have to be to count for nothing.
func tenSecondsLater(t *testing.T, storage string) {
	t.Helper()
	locks, err := filepath.Glob(filepath.Join(storage, "locks", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range locks {
		old := time.Now().Add(-11 * time.Second)
		text, err := json.Marshal(map[string]time.Time{"created": old, "updated": old})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A crash leaves the lock behind. That keeps nobody from starting, and holds up
// the first change until the lock is stale.
func TestFirstChangeAfterCrash(t *testing.T) {
	s := newSetup(t)
	in := s.start(t)
	lock := filepath.Join(s.storage, "locks", "load_balance-pool-web.lock")
	in.change("web")
	in.Kill()
	now := time.Now()
	text, err := json.Marshal(map[string]time.Time{"created": now, "updated": now})
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, lock, text) // as a crash in the middle of a change leaves it
	in = s.start(t)
	if started := time.Since(now); started > 8*time.Second {
		t.Errorf("the start took %s", started)
	}
	if got := in.weights("web"); !maps.Equal(got, changed) {
		t.Errorf("there are %v", got)
	}
	in.must(http.StatusCreated, http.MethodPost, "pools/web/backends", backend{Address: "10.0.0.3:80"})
	if took := time.Since(now); took < 10*time.Second || took > 20*time.Second {
		t.Errorf("the first change was answered %s after the crash", took)
	}
}
