package persist

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// document is what is stored of one pool, and what is known of that here.
type document struct {
	pool string
	key  string

	turn  chan struct{} // holds a token while nobody is at it
	lease lease         // of whom has the token
	hangs atomic.Int64  // since when (Unix, ns), if whom has the token waits for no answer; or 0

	mu      sync.Mutex
	reads   outcome
	writes  outcome
	reading *hungError  // what the storage has not answered
	seen    fingerprint // of what was read or written last
	bad     bool        // what is stored cannot be used, and was not set aside yet
	missing bool        // there was none
	late    bool        // it was not read when it was to be
}

// outcome is how the storage has done lately.
type outcome struct {
	ok  time.Time // the last time that all was well; zero for never
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
func (d *document) leave(err error) {
	h := hung(err)
	if h == nil {
		var keep time.Duration
		keep, err = d.lease.settle(context.Background())
		if h = hung(err); h == nil {
			if err != nil {
				d.lease.locker.logger.Warn("giving back the lock of a pool's stored changes", zap.String("pool", d.pool), zap.Error(err))
			}
			d.turn <- struct{}{}
			if keep > 0 {
				time.AfterFunc(keep, func() { d.tidy(keep) })
			}
			return
		}
	}
	d.hangs.Store(time.Now().UnixNano())
	go func() {
		for h != nil {
			<-h.returned
			h = hung(d.lease.drop(context.Background()))
		}
		d.hangs.Store(0)
		d.turn <- struct{}{}
	}()
}

// tidy gives the lock back if nobody has used it for that long.
func (d *document) tidy(unused time.Duration) {
	select {
	case <-d.turn:
	default:
		return // whoever has the turn sees to it
	}
	if !d.lease.held || time.Since(d.lease.used) < unused {
		d.turn <- struct{}{}
		return
	}
	d.release()
}

// release gives the lock back, and then the turn, which the caller has.
func (d *document) release() {
	err := d.lease.drop(context.Background())
	if hung(err) != nil {
		d.leave(err)
		return
	}
	d.turn <- struct{}{}
}

func (o *outcome) note(err error) {
	if o.err = err; err == nil {
		o.ok = time.Now()
	}
}

// beginRead reports whether the document may be read: not while the storage has
// not answered an earlier attempt.
func (d *document) beginRead() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.reading != nil {
		select {
		case <-d.reading.returned:
			d.reading = nil
		default:
			return false
		}
	}
	return true
}

// endRead takes note of how reading it went, and reports whether that was
// expected earlier.
func (d *document) endRead(data []byte, err error) (late bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.missing = err == nil && data == nil
	d.reading = hung(err)
	d.reads.note(err)
	if d.bad = unreadable(err); d.bad {
		d.seen = fingerprint{}
	}
	late = d.late && err == nil
	d.late = d.late && !late
	return late
}

// expect takes note that the document should have been read by now.
func (d *document) expect() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.late = d.reads.ok.IsZero()
}

// wasRead reports whether the document was read, whatever there was.
func (d *document) wasRead() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.reads.ok.IsZero()
}

// isBad reports whether what is stored cannot be used.
func (d *document) isBad() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.bad
}

// isMissing reports whether there are changes in force that no document has: it
// was lost, or nothing was stored when they were made.
func (d *document) isMissing(p *pool.Pool) bool {
	d.mu.Lock()
	missing := d.missing
	d.mu.Unlock()
	return p.Unsaved() || missing && p.Stored() > 0
}

// differs reports whether data is something else than what is known here.
func (d *document) differs(data []byte) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.seen != fingerprintOf(data)
}

// writesFail reports whether the document was not written the last time.
func (d *document) writesFail() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.writes.err != nil
}

// failure returns why the document was not read or not written the last time.
func (d *document) failure() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return cmp.Or(d.writes.err, d.reads.err)
}
