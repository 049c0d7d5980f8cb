package persist

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/zap"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// maxAside is how many documents of a pool are set aside. After that, the last
// of them is replaced, as the first ones are what tells of the cause.
const maxAside = 4

// tooLargeError says that a document is larger than any that was stored here.
type tooLargeError int64

func tooLarge(size int64) error { return tooLargeError(size) }

func (e tooLargeError) Error() string {
	return fmt.Sprintf("the document has %d bytes, more than the %d that are read", int64(e), maxDocument)
}

// unreadable reports whether err says that a document cannot be used as it is.
func unreadable(err error) bool {
	if _, large := errors.AsType[tooLargeError](err); large {
		return true
	}
	_, bad := errors.AsType[*pool.DocumentError](err)
	return bad
}

// setAside moves an unreadable document to where it is in nobody's way. The
// caller holds the lock. data is nil if the document is too large to be read.
func (s *Store) setAside(d *document, data []byte, why error) error {
	var to string
	err := bounded(context.Background(), "setting an unreadable document aside", opTimeout, func(ctx context.Context) (err error) {
		if data == nil {
			// it has to be moved by reading it all the same, this once
			if data, err = s.Storage.Load(ctx, d.key); err != nil {
				return err
			}
		}
		n := 1
		for n < maxAside && s.Storage.Exists(ctx, asideKey(d.pool, n)) {
			n++
		}
		to = asideKey(d.pool, n)
		if err := s.Storage.Store(ctx, to, data); err != nil {
			return err
		}
		return s.Storage.Delete(ctx, d.key)
	})
	if err != nil {
		return err
	}
	s.Logger.Error("stored runtime changes cannot be read: set aside",
		zap.String("pool", d.pool), zap.String("key", d.key), zap.String("set_aside_as", to), zap.Error(why))
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seen, d.bad, d.missing, d.reads.err = fingerprint{}, false, true, nil
	return nil
}

// clear sets aside what is stored if it is unreadable still, which the caller
// has found it to be. If the lock is not free, that has to wait.
func (s *Store) clear(d *document, p *pool.Pool) {
	select {
	case <-d.turn:
	default:
		return
	}
	err := s.clearLocked(d, p)
	d.leave(err)
	if err != nil {
		s.noteWrite(d, err)
	}
}

func (s *Store) clearLocked(d *document, p *pool.Pool) error {
	if !d.lease.held {
		var got bool
		err := bounded(context.Background(), "locking", opTimeout, func(ctx context.Context) (err error) {
			got, err = s.locker.try(ctx, d.lease.name)
			d.lease.held = got
			return err
		})
		if err != nil || !got {
			return err
		}
	}
	data, err := s.load(d)
	if err == nil && data != nil {
		err = p.Adopt(data)
	}
	if !unreadable(err) {
		return err
	}
	return s.setAside(d, data, err)
}
