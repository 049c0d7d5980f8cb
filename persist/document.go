package persist

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// document is what is stored of one pool, and what is known of that here.
type document struct {
	pool string
	key  string

	turn  chan struct{} // holds a token while nobody is at it
	lease lease         // of whom has the token
	hangs atomic.Int64  // since when (Unix, ns), if whom has the token waits for no answer; or 0

	mu     sync.Mutex
	reads  outcome
	writes outcome
	seen   fingerprint // of what was read or written last
	aside  bool        // what is stored cannot be read, and was not set aside yet
}

// outcome is how the storage has done lately.
type outcome struct {
	ok  time.Time // the last time that it did; zero for never
	err error     // of the last time; nil if that was well
}

func (s *Store) newDocument(pool string) *document {
	d := &document{pool: pool, key: documentKey(pool), turn: make(chan struct{}, 1)}
	d.turn <- struct{}{}
	d.lease = lease{locker: &s.locker, name: lockName(pool), shared: s.shared}
	return d
}

var errBusy = errors.New("the pool's runtime changes are being stored by too many at once")

// enter waits for its turn. Only one goroutine of the process at a time is at
// the document.
func (d *document) enter(ctx context.Context) error {
	if since := d.hangs.Load(); since != 0 {
		return fmt.Errorf("the storage has not answered for %s", time.Since(time.Unix(0, since)).Round(time.Second))
	}
	select {
	case <-d.turn:
		return nil
	case <-ctx.Done():
		return errBusy
	}
}

// leave ends the turn. err is what the turn ended with: if the storage did not
// answer, the turn goes on until it does, for a late answer must not get in the
// way of what comes next.
func (d *document) leave(ctx context.Context, err error) {
	h := hung(err)
	if h == nil {
		var keep time.Duration
		keep, err = d.lease.settle(ctx)
		if h = hung(err); h == nil {
			if err != nil {
				d.lease.locker.logger.Warn("giving back the lock of a pool's stored changes", zap.String("pool", d.pool), zap.Error(err))
			}
			d.turn <- struct{}{}
			if keep > 0 {
				time.AfterFunc(keep, func() { d.tidy(ctx, keep) })
			}
			return
		}
	}
	d.hangs.Store(time.Now().UnixNano())
	go func() {
		for h != nil {
			<-h.returned
			h = hung(d.lease.drop(ctx))
		}
		d.hangs.Store(0)
		d.turn <- struct{}{}
	}()
}

// tidy gives the lock back if nobody has used it for that long.
func (d *document) tidy(ctx context.Context, unused time.Duration) {
	select {
	case <-d.turn:
	default:
		return // whoever has the turn sees to it
	}
	if !d.lease.held || time.Since(d.lease.used) < unused {
		d.turn <- struct{}{}
		return
	}
	d.release(ctx)
}

// release gives the lock back, and then the turn, which the caller has.
func (d *document) release(ctx context.Context) {
	if err := d.lease.drop(ctx); hung(err) != nil {
		d.leave(ctx, err)
		return
	}
	d.turn <- struct{}{}
}

func (o *outcome) note(err error) {
	if o.err = err; err == nil {
		o.ok = time.Now()
	}
}
