package persist

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

const (
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

// Run begins to look for what others store.
func (s *Store) Run() {
	s.Instance.begin()
	ctx, cancel := context.WithCancel(context.Background())
	s.sync.cancel, s.sync.done = cancel, make(chan struct{})
	go s.loop(ctx)
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
		s.mend(s.document(p.Name()), p)
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
	if d.endRead(data, err) {
		s.Logger.Info("what was changed at runtime is in force now", zap.String("pool", p.Name()))
	}
}
