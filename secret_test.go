package loadbalance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
)

// shelf is a storage in memory, whose lock somebody may hold, and which fails
// when told to.
type shelf struct {
	certmagic.Storage // of what is not used

	lock   chan struct{}
	broken atomic.Bool

	mu      sync.Mutex
	content map[string][]byte
	writes  int
}

func newShelf() *shelf { return &shelf{lock: make(chan struct{}, 1), content: make(map[string][]byte)} }

var errBroken = errors.New("the disk is on fire")

func (s *shelf) Load(_ context.Context, key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken.Load() {
		return nil, errBroken
	}
	if value, ok := s.content[key]; ok {
		return value, nil
	}
	return nil, fs.ErrNotExist
}

func (s *shelf) Store(_ context.Context, key string, value []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.content[key] = value
	s.writes++
	return nil
}

func (s *shelf) Lock(ctx context.Context, _ string) error {
	select {
	case s.lock <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *shelf) Unlock(context.Context, string) error {
	<-s.lock
	return nil
}

// put stores a secret as another instance would.
func (s *shelf) put(t *testing.T, secret []byte) {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"version": 1, "secret": secret})
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.content["load_balance/secret"] = raw
}

// forgetful gives each test a memory of its own.
func forgetful(t *testing.T) {
	before := memory.secret
	memory.memorize(nil)
	t.Cleanup(func() { memory.memorize(before) })
}

func TestSecretIsStoredAtStart(t *testing.T) {
	forgetful(t)
	storage := newShelf()
	first := new(storedSecret)
	secret := first.use(storage)
	if storage.writes > 0 {
		t.Fatal("a config that does not run has written")
	}
	if first.use(storage) != secret {
		t.Error("pools of one config have different secrets")
	}
	defer first.keep(t.Context(), storage, zap.NewNop(), func() { t.Error("the secret has changed") })()
	if storage.writes != 1 {
		t.Errorf("%d writes", storage.writes)
	}
	memory.memorize(nil) // as after a restart
	second := new(storedSecret)
	if got := second.use(storage); !bytes.Equal(got.Bytes(), secret.Bytes()) {
		t.Error("the next process has another secret")
	}
	defer second.keep(t.Context(), storage, zap.NewNop(), func() { t.Error("the secret has changed") })()
	if storage.writes != 1 {
		t.Errorf("%d writes", storage.writes)
	}
}

func TestNoSecretIsStoredUnlessNeeded(t *testing.T) {
	storage := newShelf()
	new(storedSecret).keep(t.Context(), storage, zap.NewNop(), func() {})()
	if storage.writes > 0 || len(storage.content) > 0 {
		t.Error("it was stored")
	}
}

// A start waits for a second at most; when the storage answers at last and has
// another secret, that is the one.
func TestSecretComesLate(t *testing.T) {
	forgetful(t)
	synctest.Test(t, func(t *testing.T) {
		storage := newShelf()
		storage.lock <- struct{}{}
		s := new(storedSecret)
		secret := s.use(storage)
		own := secret.Bytes()
		var changes atomic.Int64
		began := time.Now()
		stop := s.keep(t.Context(), storage, zap.NewNop(), func() { changes.Add(1) })
		defer stop()
		if took := time.Since(began); took > storageWait {
			t.Errorf("the start took %s", took)
		}
		if !bytes.Equal(secret.Bytes(), own) || changes.Load() > 0 {
			t.Error("the secret has changed before there was another one")
		}
		other := bytes.Repeat([]byte{7}, 32)
		storage.put(t, other)
		<-storage.lock
		synctest.Wait()
		if !bytes.Equal(secret.Bytes(), other) || changes.Load() != 1 {
			t.Errorf("%d changes", changes.Load())
		}
		if next := new(storedSecret).use(newShelf()); !bytes.Equal(next.Bytes(), other) {
			t.Error("a config with another storage begins with another secret")
		}
	})
}

// A storage that fails is asked again, and the secret stays what it was.
func TestSecretOfBrokenStorage(t *testing.T) {
	forgetful(t)
	synctest.Test(t, func(t *testing.T) {
		storage := newShelf()
		storage.broken.Store(true)
		s := new(storedSecret)
		secret := s.use(storage)
		own := secret.Bytes()
		began := time.Now()
		stop := s.keep(t.Context(), storage, zap.NewNop(), func() { t.Error("the secret has changed") })
		defer stop()
		if took := time.Since(began); took > 0 {
			t.Errorf("the start took %s", took)
		}
		if next := new(storedSecret).use(storage); !bytes.Equal(next.Bytes(), own) {
			t.Error("after a reload it is another secret")
		}
		time.Sleep(time.Hour)
		storage.broken.Store(false)
		time.Sleep(maxStoreRetry)
		synctest.Wait()
		if storage.writes != 1 || !bytes.Equal(secret.Bytes(), own) {
			t.Errorf("%d writes", storage.writes)
		}
	})
}

// A config that ends gives up.
func TestSecretIsGivenUp(t *testing.T) {
	forgetful(t)
	synctest.Test(t, func(t *testing.T) {
		storage := newShelf()
		storage.lock <- struct{}{}
		s := new(storedSecret)
		s.use(storage)
		stop := s.keep(t.Context(), storage, zap.NewNop(), func() { t.Error("the secret has changed") })
		stop()
		synctest.Wait() // no goroutine is left behind, or the test would not end
		<-storage.lock
		if storage.writes > 0 {
			t.Error("it was stored all the same")
		}
	})
}
