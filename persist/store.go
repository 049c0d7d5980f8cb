package persist

import (
	"context"
	"errors"
	"hash/maphash"
	"io/fs"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// maxDocument bounds the size of documents.
const maxDocument = pool.MaxDocument

// Options of a Store.
type Options struct {
	Storage  certmagic.Storage
	Logger   *zap.Logger
	Instance *Instance     // this process
	Interval time.Duration // of looking for what others have stored
}

// Store keeps the documents of the pools of one config. It implements
// pool.Store. All methods may be used concurrently.
type Store struct {
	Options
	locker locker
	peers  *peers

	mu        sync.Mutex
	documents map[string]*document // by pool
	pools     map[string]*pool.Pool
	patience  time.Duration // what is left of startTimeout

	sync syncer
}

// New returns a Store. It does nothing by itself until Start is called.
func New(o Options) *Store {
	s := &Store{
		Options:   o,
		locker:    locker{storage: o.Storage, logger: o.Logger},
		documents: make(map[string]*document),
		pools:     make(map[string]*pool.Pool),
		patience:  startTimeout,
	}
	s.peers = newPeers(s)
	s.sync.init()
	return s
}

// document returns what is known of the pool's document.
func (s *Store) document(pool string) *document {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.documents[pool]
	if d == nil {
		d = s.newDocument(pool)
		s.documents[pool] = d
	}
	return d
}

// errLocked is what follows from a lock that is not to be had.
var errLocked = errors.New("another process holds the lock of the pool's stored changes; if it has crashed, the lock is free some seconds later")

// Update implements pool.Store.
func (s *Store) Update(name string, change func(stored []byte) (data []byte, err error)) error {
	d := s.document(name)
	ctx, cancel := context.WithTimeout(context.Background(), lockTimeout)
	defer cancel()
	if err := d.enter(ctx); err != nil {
		return err
	}
	own, err := s.update(ctx, d, change)
	d.leave(err)
	if own {
		d.noteWrite(err)
	}
	return err
}

// update makes a change under the lock. own says whether the error, if any, is
// the storage's and not that of the change.
func (s *Store) update(ctx context.Context, d *document, change func([]byte) ([]byte, error)) (own bool, err error) {
	if err := d.lease.take(ctx); err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			err = errLocked
		}
		return true, err
	}
	stored, err := s.load(d)
	var data []byte
	switch {
	case err == nil:
		data, err = change(stored)
	case !unreadable(err):
		return true, err
	}
	if unreadable(err) {
		if err := s.setAside(d, stored, err); err != nil {
			return true, err
		}
		data, err = change(nil)
	}
	if err != nil || data == nil {
		return false, err
	}
	return true, s.store(d, data)
}

// load returns the document as it is stored; nil if there is none.
func (s *Store) load(d *document) (data []byte, err error) {
	var loaded []byte
	err = bounded(context.Background(), "loading", opTimeout, func(ctx context.Context) error {
		if file, ok := s.Storage.(*certmagic.FileStorage); ok {
			if info, err := file.Stat(ctx, d.key); err == nil && info.Size > maxDocument {
				return tooLarge(info.Size)
			}
		}
		data, err := s.Storage.Load(ctx, d.key)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case len(data) > maxDocument:
			return tooLarge(int64(len(data)))
		}
		loaded = data
		if data == nil {
			loaded = []byte{}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return loaded, nil
}

// store replaces the document.
func (s *Store) store(d *document, data []byte) error {
	if len(data) > maxDocument {
		return tooLarge(int64(len(data)))
	}
	return bounded(context.Background(), "storing", opTimeout, func(ctx context.Context) error {
		return s.Storage.Store(ctx, d.key, data)
	})
}

// fingerprint tells documents apart.
type fingerprint struct {
	size int
	sum  uint64
}

var seed = maphash.MakeSeed()

func fingerprintOf(data []byte) fingerprint { return fingerprint{len(data), maphash.Bytes(seed, data)} }

// saw takes note of what is stored now, and in force here.
func (d *document) saw(data []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seen = fingerprintOf(data)
}

// noteWrite takes note of how writing went.
func (d *document) noteWrite(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.writes.note(err)
}

// Interface guard
var _ pool.Store = (*Store)(nil)
