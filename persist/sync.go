package persist

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

const (
	// startTimeout is how long the start of a config waits for the storage,
	// over all of its pools.
	startTimeout = 3 * time.Second

	// parallel is how many documents are read at once.
	parallel = 8

	// minGap is the least time between two rounds.
	minGap = 100 * time.Millisecond
)

// syncer is the state of the goroutine that looks for others' changes.
type syncer struct {
	kicks  chan struct{}
	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex
	round   chan struct{} // closed at the end of a round, then replaced
	failing bool          // in the last round
}

func (y *syncer) init() {
	y.kicks, y.round = make(chan struct{}, 1), make(chan struct{})
}

// kick has the next round begin soon.
func (y *syncer) kick() {
	select {
	case y.kicks <- struct{}{}:
	default:
	}
}

// next returns what is closed at the end of the current round, or of the next.
func (y *syncer) next() <-chan struct{} {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.round
}

func (y *syncer) ended() {
	y.mu.Lock()
	defer y.mu.Unlock()
	close(y.round)
	y.round = make(chan struct{})
}

// Preload puts in force what is stored of a pool that no config has claimed
// yet, so that its first requests go by it. It writes nothing, and waits no
// longer than the start of the config may wait in total.
func (s *Store) Preload(p *pool.Pool) { s.loadAll([]*pool.Pool{p}) }

// Start puts in force what is stored of the pools, as far as that was not done
// and is possible soon, and keeps doing so until Stop.
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

// Run begins to look for what others store.
func (s *Store) Run() {
	ctx, cancel := context.WithCancel(context.Background())
	s.sync.cancel, s.sync.done = cancel, make(chan struct{})
	go s.loop(ctx)
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
		s.Logger.Warn("the storage is slow to answer: pools begin without what was changed at runtime, and get it later",
			zap.Int("pools", len(pools)))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.patience = max(0, patience-time.Since(began))
}

// loop looks for changes until the context ends.
func (s *Store) loop(ctx context.Context) {
	defer close(s.sync.done)
	for {
		began := time.Now()
		s.round(ctx)
		s.sync.ended()
		// a tenth more or less, so that instances which started together
		// do not come together for ever
		timer := time.NewTimer(s.Interval - s.Interval/10 + rand.N(s.Interval/5+1))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case <-s.sync.kicks:
			timer.Reset(minGap - time.Since(began))
			select {
			case <-ctx.Done():
				timer.Stop()
				return
			case <-timer.C:
			}
		}
	}
}

// round looks at all documents once.
func (s *Store) round(ctx context.Context) {
	s.mu.Lock()
	pools := make([]*pool.Pool, 0, len(s.pools))
	for _, p := range s.pools {
		pools = append(pools, p)
	}
	s.mu.Unlock()
	s.refreshAll(ctx, pools)
	for _, p := range pools {
		if d := s.document(p.Name()); d.isBad() {
			s.clear(d, p)
		}
	}
	s.peers.round(ctx, pools)
	s.tell(pools)
}

// refreshAll looks at the documents of the pools.
func (s *Store) refreshAll(ctx context.Context, pools []*pool.Pool) {
	var group sync.WaitGroup
	room := make(chan struct{}, parallel)
	for _, p := range pools {
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			continue
		}
		group.Go(func() {
			defer func() { <-room }()
			s.refresh(p)
		})
	}
	group.Wait()
}

// refresh looks at a pool's document, and puts in force what is new there.
func (s *Store) refresh(p *pool.Pool) {
	d := s.document(p.Name())
	if !d.beginRead() {
		return
	}
	data, err := s.load(d)
	if err == nil && data != nil && d.differs(data) {
		if err = p.Adopt(data); err == nil {
			d.saw(data)
		}
	}
	d.endRead(data, err)
}

// tell says in the log that the storage fails, and that it works again.
func (s *Store) tell(pools []*pool.Pool) {
	var failing int
	var example zap.Field
	var cause error
	for _, p := range pools {
		if err := s.document(p.Name()).failure(); err != nil {
			failing, cause, example = failing+1, err, zap.String("pool", p.Name())
		}
	}
	s.sync.mu.Lock()
	was := s.sync.failing
	s.sync.failing = failing > 0
	s.sync.mu.Unlock()
	switch {
	case failing > 0 && !was:
		s.Logger.Error("the storage of runtime changes fails", zap.Int("pools", failing), example, zap.Error(cause))
	case failing == 0 && was:
		s.Logger.Info("the storage of runtime changes works again")
	}
}

// Stop ends what Run has begun, and gives back all locks. leave says that this
// process is no longer an instance on the storage.
func (s *Store) Stop(leave bool) {
	if s.sync.cancel == nil {
		return
	}
	s.sync.cancel()
	end, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	select {
	case <-s.sync.done:
	case <-end.Done():
		return // the storage hangs
	}
	if err := s.close(end); err != nil {
		s.Logger.Warn("ending the work on the storage", zap.Error(err))
	}
	if leave {
		s.peers.leave(end)
	}
}

// stopTimeout is how long the end of a config waits for the storage.
const stopTimeout = 2 * time.Second

// close gives back the locks that are held.
func (s *Store) close(ctx context.Context) error {
	s.mu.Lock()
	documents := make([]*document, 0, len(s.documents))
	for _, d := range s.documents {
		documents = append(documents, d)
	}
	s.mu.Unlock()
	for _, d := range documents {
		if d.hangs.Load() != 0 {
			continue
		}
		select {
		case <-d.turn:
			d.release()
		case <-ctx.Done():
			return fmt.Errorf("pool %q: %w", d.pool, ctx.Err())
		}
	}
	return nil
}
