package pool

import (
	"bytes"
	"errors"
	"sync"
	"testing"
)

// memStore is a store in memory that several instances may share.
type memStore struct {
	turn sync.Mutex // held by Update

	mu      sync.Mutex
	data    map[string][]byte
	aside   []string      // what was set aside
	updates int           // calls
	stores  int           // of them, that stored something
	failing error         // of the next ones
	failed  bool          // it stores all the same
	hanging chan struct{} // until it is closed, updates hang before they store
	reached chan struct{} // gets a value when one hangs
}

func (s *memStore) Update(pool string, change func([]byte) ([]byte, error)) error {
	s.turn.Lock()
	defer s.turn.Unlock()
	s.mu.Lock()
	stored, failing, hanging := s.data[pool], s.failing, s.hanging
	s.updates++
	s.mu.Unlock()
	data, err := change(stored)
	if _, useless := errors.AsType[*DocumentError](err); useless {
		s.mu.Lock()
		s.aside = append(s.aside, string(stored))
		s.mu.Unlock()
		data, err = change(nil)
	}
	if err != nil || data == nil {
		return err
	}
	if hanging != nil {
		s.reached <- struct{}{}
		<-hanging
	}
	if failing == nil || s.failed {
		s.put(pool, data)
	}
	return failing
}

func (s *memStore) put(pool string, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.data == nil {
		s.data = make(map[string][]byte)
	}
	s.data[pool] = data
	s.stores++
}

func (s *memStore) stored(pool string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.data[pool])
}

// set makes the next updates fail, or hang.
func (s *memStore) set(failing error, hanging chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing, s.hanging, s.reached = failing, hanging, make(chan struct{}, 1)
}

// newStoredPool returns a pool of a new instance, whose changes are stored.
func newStoredPool(t testing.TB, s Store, addrs ...string) *Pool {
	t.Helper()
	def := define(t, addrs...)
	def.Store = s
	return newTestPool(t, nil, def)
}
