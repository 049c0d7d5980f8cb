package loadbalance

import (
	"bytes"
	"context"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"

	"github.com/caddy-loadbalance/caddy-loadbalance/sticky"
)

const (
	// storageWait is how long a config waits for the storage when it is
	// loaded, and again when it starts.
	storageWait = time.Second

	// lockWait is how long an attempt to store may take. A lock that a crash
	// has left behind is stale after ten seconds.
	lockWait = 30 * time.Second

	// the time between attempts to store, which doubles
	minStoreRetry = time.Second
	maxStoreRetry = time.Minute
)

// storedSecret is the secret of sticky sessions that is kept in the storage, for
// one config. Sessions do not wait for the storage: until it has answered, they
// are made with a secret which this process has in memory.
type storedSecret struct {
	mu     sync.Mutex
	value  *sticky.Secret // nil: none is needed
	stored bool
}

// use returns the secret, for the pools of a config that does not run yet. It
// writes nothing.
func (s *storedSecret) use(storage certmagic.Storage) *sticky.Secret {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.value != nil {
		return s.value
	}
	ctx, cancel := context.WithTimeout(context.Background(), storageWait)
	defer cancel()
	value, err := sticky.Load(ctx, storage)
	if s.stored = err == nil; !s.stored {
		value = memory.recall() // why not, will be seen when the config starts
	}
	s.value = sticky.NewSecret(value)
	return s.value
}

// keep stores the secret unless one is stored, which is taken then. It does so
// in the background if it takes long. changed is called if that gives another
// secret after keep has returned. The function that is returned ends it.
func (s *storedSecret) keep(ctx context.Context, storage certmagic.Storage, logger *zap.Logger, changed func()) (stop func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.value == nil:
		return func() {}
	case s.stored:
		memory.memorize(s.value.Bytes())
		return func() {}
	}
	ctx, stop = context.WithCancel(ctx)
	tried := make(chan struct{})
	go func() {
		was := s.value.Bytes()
		stored := s.store(ctx, storage, logger)
		close(tried)
		if !stored && !s.retry(ctx, storage, logger) {
			return
		}
		if !bytes.Equal(was, s.value.Bytes()) {
			changed()
		}
	}()
	timer := time.NewTimer(storageWait)
	defer timer.Stop()
	select {
	case <-tried:
	case <-timer.C:
		logger.Warn("the storage is slow to answer: sticky sessions have a secret that is not stored yet")
	case <-ctx.Done():
	}
	return stop
}

// store makes one attempt.
func (s *storedSecret) store(ctx context.Context, storage certmagic.Storage, logger *zap.Logger) bool {
	attempt, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	value, err := sticky.Ensure(attempt, storage, s.value.Bytes(), logger)
	if err != nil {
		if ctx.Err() == nil {
			logger.Error("storing the secret of sticky sessions: until that succeeds, they do not outlast this process", zap.Error(err))
		}
		return false
	}
	memory.memorize(value)
	s.value.Set(value)
	return true
}

// retry makes attempts until one succeeds.
func (s *storedSecret) retry(ctx context.Context, storage certmagic.Storage, logger *zap.Logger) bool {
	for wait := minStoreRetry; ; wait = min(2*wait, maxStoreRetry) {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(wait):
		}
		if s.store(ctx, storage, logger) {
			logger.Info("the secret of sticky sessions is stored now")
			return true
		}
	}
}

// memory has the secret that was last in use in this process, for the configs
// that follow.
var memory secretMemory

type secretMemory struct {
	mu     sync.Mutex
	secret []byte
}

// recall returns the secret, which is a new one if there was none.
func (m *secretMemory) recall() []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.secret == nil {
		m.secret = sticky.RandomSecret()
	}
	return m.secret
}

func (m *secretMemory) memorize(secret []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.secret = secret
}
