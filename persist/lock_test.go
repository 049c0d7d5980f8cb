package persist

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/certmagic"
)

// lockFile is what a file storage writes into its locks.
type lockFile struct {
	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`
}

// leaveLock leaves the lock of a pool behind, as a process does that is killed.
func leaveLock(t *testing.T, s *certmagic.FileStorage, content any) {
	t.Helper()
	file := filepath.Join(s.Path, "locks", lockName("web")+".lock")
	must(t, os.MkdirAll(filepath.Dir(file), 0o700))
	var text []byte
	if content != nil {
		var err error
		text, err = json.Marshal(content)
		must(t, err)
	}
	must(t, os.WriteFile(file, text, 0o600))
}

// A lock that was left behind is waited for until it is stale, and no longer,
// whatever became of it. One that somebody holds is respected.
func TestFileLockLeftBehind(t *testing.T) {
	ago := func(d time.Duration) time.Time { return time.Now().Add(-d) }
	for name, test := range map[string]struct {
		content func() any
		least   time.Duration
		most    time.Duration // 0: the lock is not to be had
	}{
		"just now": {func() any { return lockFile{ago(0), ago(0)} }, 10 * time.Second, 11 * time.Second},
		"earlier":  {func() any { return lockFile{ago(8 * time.Second), ago(8 * time.Second)} }, 2 * time.Second, 3 * time.Second},
		"stale":    {func() any { return lockFile{ago(20 * time.Second), ago(11 * time.Second)} }, 0, time.Millisecond},
		"empty":    {func() any { return nil }, 0, 4 * time.Second},
		"torn":     {func() any { return json.RawMessage(`{"created":"2000-`) }, 0, 8 * time.Second},
		// by what kept the lock fresh of the one who had it before
		"kept fresh":          {func() any { return lockFile{ago(5 * time.Second), ago(-time.Hour)} }, 7 * time.Second, 11 * time.Second},
		"taken in the future": {func() any { return lockFile{ago(-time.Hour), ago(-time.Hour)} }, lockTimeout, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Hour) // so that nothing is before the epoch of the bubble
				storage := &certmagic.FileStorage{Path: t.TempDir()}
				s, _ := newTestStore(t, storage)
				content := test.content()
				if raw, torn := content.(json.RawMessage); torn {
					leaveLock(t, storage, nil)
					file := filepath.Join(storage.Path, "locks", lockName("web")+".lock")
					must(t, os.WriteFile(file, raw, 0o600))
					must(t, os.Chtimes(file, time.Now(), time.Now()))
				} else {
					leaveLock(t, storage, content)
				}
				began := time.Now()
				err := write(s, "web", "one")
				took := time.Since(began)
				if test.most == 0 {
					if !errors.Is(err, errLocked) || took < test.least {
						t.Errorf("after %s: %v", took, err)
					}
					return
				}
				must(t, err)
				if took < test.least || took > test.most {
					t.Errorf("it took %s, want %s to %s", took, test.least, test.most)
				}
				time.Sleep(20 * time.Second) // until the lock is given back, and nothing keeps it fresh
			})
		})
	}
}

// A full disk can leave the file of a lock behind that nobody got to hold.
func TestFileLockCannotBeMade(t *testing.T) {
	storage := &certmagic.FileStorage{Path: t.TempDir()}
	s, _ := newTestStore(t, storage)
	must(t, os.WriteFile(filepath.Join(storage.Path, "locks"), nil, 0o600)) // where the directory should be
	began := time.Now()
	if err := write(s, "web", "one"); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the error is %v", err)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %s to fail", took)
	}
	must(t, os.Remove(filepath.Join(storage.Path, "locks")))
	must(t, write(s, "web", "two"))
}

// Instances that change the same document at the same time lose nothing, none
// of them waits for long, and what keeps locks fresh does not pile up.
func TestFileLockShared(t *testing.T) {
	const instances, changes = 3, 500
	dir := t.TempDir()
	before := runtime.NumGoroutine()
	var group sync.WaitGroup
	var mu sync.Mutex
	var longest time.Duration
	var most int
	for range instances {
		s, _ := newTestStore(t, &certmagic.FileStorage{Path: dir})
		s.peers.others["other"] = &peer{}
		group.Go(func() {
			for range changes {
				began := time.Now()
				if err := count(s); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				longest, most = max(longest, time.Since(began)), max(most, runtime.NumGoroutine())
				mu.Unlock()
			}
		})
	}
	group.Wait()
	s, _ := newTestStore(t, &certmagic.FileStorage{Path: dir})
	must(t, s.Update("web", func(stored []byte) ([]byte, error) {
		if got := string(stored); got != strconv.Itoa(instances*changes) {
			t.Errorf("%d changes were counted as %s", instances*changes, got)
		}
		return nil, nil
	}))
	t.Logf("the longest change took %s, and there were up to %d goroutines more", longest, most-before)
	if longest > 5*time.Second {
		t.Errorf("one change took %s", longest)
	}
	if extra := most - before; extra > 150 {
		t.Errorf("there are %d goroutines more than before", extra)
	}
}

// count adds one to the number that is stored.
func count(s *Store) error {
	return s.Update("web", func(stored []byte) ([]byte, error) {
		n := 0
		if stored != nil {
			var err error
			if n, err = strconv.Atoi(string(stored)); err != nil {
				return nil, err
			}
		}
		return []byte(strconv.Itoa(n + 1)), nil
	})
}

// BenchmarkUpdate measures a change of a document as a thousand backends have
// it, one after the other.
func BenchmarkUpdate(b *testing.B) {
	s, _ := newTestStore(b, &certmagic.FileStorage{Path: b.TempDir()})
	data := make([]byte, 200<<10)
	before := runtime.NumGoroutine()
	for b.Loop() {
		if err := s.Update("web", func([]byte) ([]byte, error) { return data, nil }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(runtime.NumGoroutine()-before), "goroutines")
}
