package persist

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

func TestUpdate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storage := newFakeStorage()
		s, _ := newTestStore(t, storage)
		must(t, s.Update("web", func(stored []byte) ([]byte, error) {
			if stored != nil {
				t.Errorf("at first, %q is stored", stored)
			}
			return []byte("one"), nil
		}))
		refused := errors.New("refused")
		err := s.Update("web", func(stored []byte) ([]byte, error) {
			if string(stored) != "one" {
				t.Errorf("%q is stored, not what was", stored)
			}
			return []byte("two"), refused
		})
		if !errors.Is(err, refused) {
			t.Errorf("the error of the change is %v", err)
		}
		must(t, s.Update("web", func([]byte) ([]byte, error) { return nil, nil }))
		if got := storage.get("load_balance/web.json"); got != "one" {
			t.Errorf("after changes that were none, %q is stored", got)
		}
		must(t, write(s, "Web", "other"))
		if got := storage.get("load_balance/web.json"); got != "one" {
			t.Errorf("after a change of another pool, %q is stored", got)
		}
		if n := storage.held(); n > 0 {
			t.Errorf("%d locks are held", n)
		}
	})
}

// What fails is said, changes nothing, and is over once the storage works.
func TestUpdateFails(t *testing.T) {
	for _, op := range []string{"lock", "load", "store"} {
		t.Run(op, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				storage := newFakeStorage()
				s, _ := newTestStore(t, storage)
				must(t, write(s, "web", "one"))
				full := &fs.PathError{Op: "open", Path: "/secret/path", Err: syscall.ENOSPC}
				storage.set(func(is, _ string) error {
					if is == op {
						return full
					}
					return nil
				}, nil)
				if err := write(s, "web", "two"); !errors.Is(err, full) {
					t.Errorf("the error is %v", err)
				}
				if got := storage.get("load_balance/web.json"); got != "one" {
					t.Errorf("%q is stored", got)
				}
				err := s.View("web", 1).Err
				if err == nil || !strings.Contains(err.Error(), "ing: no space left on device") || strings.Contains(err.Error(), "secret") {
					t.Errorf("the status has the error %v", err)
				}
				storage.set(nil, nil)
				must(t, write(s, "web", "three"))
				if err := s.View("web", 1).Err; err != nil {
					t.Errorf("the status has the error %v after a success", err)
				}
				if n := storage.held(); n > 0 {
					t.Errorf("%d locks are held", n)
				}
			})
		})
	}
}

// A storage that does not answer holds up a change for some seconds, and those
// that follow not at all. Once it answers, its late answer is in nobody's way.
func TestUpdateHangs(t *testing.T) {
	for _, op := range []string{"lock", "load", "store", "unlock"} {
		t.Run(op, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				storage := newFakeStorage()
				s, _ := newTestStore(t, storage)
				release := make(chan struct{})
				storage.set(nil, func(is, key string) <-chan struct{} {
					if is == op && strings.Contains(key, "web") {
						return release
					}
					return nil
				})
				began := time.Now()
				err := write(s, "web", "one")
				if op == "unlock" {
					must(t, err) // it is stored
				} else if hung(err) == nil {
					t.Errorf("the error is %v", err)
				}
				if took := time.Since(began); took > 20*time.Second {
					t.Errorf("it took %s", took)
				}
				began = time.Now()
				err = write(s, "web", "two")
				if err == nil || !strings.Contains(err.Error(), "has not answered") {
					t.Errorf("the next one has the error %v", err)
				}
				if took := time.Since(began); took > 0 {
					t.Errorf("the next one took %s", took)
				}
				must(t, s.Update("other", func([]byte) ([]byte, error) { return nil, nil }))
				close(release)
				storage.set(nil, nil)
				synctest.Wait()
				must(t, write(s, "web", "three"))
				if got := storage.get("load_balance/web.json"); got != "three" {
					t.Errorf("%q is stored", got)
				}
				if n := storage.held(); n > 0 {
					t.Errorf("%d locks are held", n)
				}
			})
		})
	}
}

// A lock that others hold is waited for, but not for ever.
func TestUpdateWaitsForLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storage := newFakeStorage()
		s, _ := newTestStore(t, storage)
		must(t, storage.Lock(t.Context(), lockName("web")))
		began := time.Now()
		err := write(s, "web", "one")
		if !errors.Is(err, errLocked) {
			t.Errorf("the error is %v", err)
		}
		if took := time.Since(began); took != lockTimeout {
			t.Errorf("it took %s", took)
		}
		time.AfterFunc(10*time.Second, func() { _ = storage.Unlock(t.Context(), lockName("web")) })
		must(t, write(s, "web", "two"))
		if n := storage.held(); n > 0 {
			t.Errorf("%d locks are held", n)
		}
	})
}

func TestUpdateTooLarge(t *testing.T) {
	storage := newFakeStorage()
	s, _ := newTestStore(t, storage)
	must(t, write(s, "web", "one"))
	err := write(s, "web", strings.Repeat("x", maxDocument+1))
	if err == nil || !strings.Contains(err.Error(), "33554433 bytes") {
		t.Errorf("the error is %v", err)
	}
	if got := storage.get("load_balance/web.json"); got != "one" {
		t.Errorf("%d bytes are stored", len(got))
	}
}

// A document that cannot be used is kept for people to see. The first ones are
// never replaced.
func TestSetAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storage := newFakeStorage()
		s, log := newTestStore(t, storage)
		const key = "load_balance/web.json"
		for n := range maxAside + 2 {
			damaged := fmt.Sprintf("damaged %d", n)
			if n == 1 {
				damaged = strings.Repeat("x", maxDocument+1)
			}
			storage.put(key, damaged)
			must(t, s.Update("web", func(stored []byte) ([]byte, error) {
				switch {
				case stored == nil:
					return []byte("new"), nil
				case len(stored) > maxDocument:
					t.Errorf("a change got %d bytes", len(stored))
				}
				return nil, &pool.DocumentError{Reason: "damaged"}
			}))
			if got := storage.get(key); got != "new" {
				t.Errorf("%q is stored", got)
			}
			aside := storage.get(fmt.Sprintf("load_balance/web.damaged-%d.json", min(n+1, maxAside)))
			if aside != damaged {
				t.Errorf("%d bytes are set aside, not the %d of document %d", len(aside), len(damaged), n)
			}
		}
		if got := storage.get("load_balance/web.damaged-1.json"); got != "damaged 0" {
			t.Errorf("what was set aside first is now %q", got)
		}
		if n := log.count("set aside"); n != maxAside+2 {
			t.Errorf("%d lines in the log, of %d documents:\n%s", n, maxAside+2, log.all())
		}
		// what cannot be set aside stays where it is, and nothing is changed
		storage.put(key, "damaged")
		storage.set(func(op, key string) error {
			if op == "store" && strings.Contains(key, "damaged") {
				return errors.New("no space left on device")
			}
			return nil
		}, nil)
		err := s.Update("web", func([]byte) ([]byte, error) { return nil, &pool.DocumentError{Reason: "damaged"} })
		if err == nil || !strings.Contains(err.Error(), "no space left") || storage.get(key) != "damaged" {
			t.Errorf("the error is %v, and %q is stored", err, storage.get(key))
		}
	})
}
