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
	return fmt.Sprintf("the document of runtime changes has %d bytes, more than the %d that are possible", int64(e), maxDocument)
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
