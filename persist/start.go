package persist

import (
	"context"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// startTimeout is how long the start of a config waits for the storage, over
// all of its pools.
const startTimeout = 3 * time.Second

// Preload puts in force what is stored of a pool that no config has claimed
// yet, so that its first requests go by it. It writes nothing, and waits no
// longer than the start of the config may wait in total.
func (s *Store) Preload(p *pool.Pool) { s.loadAll([]*pool.Pool{p}) }

// Start puts in force what is stored of the pools, as far as that was not done
// and is possible soon. Run keeps doing so.
func (s *Store) Start(pools []*pool.Pool) {
	var missing []*pool.Pool
	for _, p := range pools {
		if !s.document(p.Name()).wasRead() {
			missing = append(missing, p)
		}
	}
	s.loadAll(missing)
	s.mu.Lock()
	for _, p := range pools {
		s.pools[p.Name()] = p
	}
	s.mu.Unlock()
}

// loadAll reads the documents of the pools at once, within what is left of
// startTimeout.
func (s *Store) loadAll(pools []*pool.Pool) {
	if len(pools) == 0 {
		return
	}
	s.mu.Lock()
	patience := s.patience
	s.mu.Unlock()
	defer func() {
		for _, p := range pools {
			s.document(p.Name()).expect()
		}
	}()
	if patience == 0 {
		return // which was said
	}
	began := time.Now()
	all := make(chan struct{})
	go func() {
		defer close(all)
		s.refreshAll(context.Background(), pools)
	}()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-all:
	case <-timer.C:
		s.Logger.Warn("the storage is slow to answer: pools begin without what was changed at runtime, and get it later")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.patience = max(0, patience-time.Since(began))
}
