package persist

import (
	"context"

	"go.uber.org/zap"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// mend sets aside a document that cannot be used, finds out whether one that
// could not be written can be by now, and stores what is in force if no
// document has it.
func (s *Store) mend(d *document, p *pool.Pool) {
	if d.isBad() {
		s.tryLocked(d, func() error { return s.clear(d, p) })
	}
	if d.writesFail() {
		s.tryLocked(d, func() error { return s.probe(d) })
	}
	if !d.isMissing(p) || d.failure() != nil {
		return
	}
	if err := p.Save("storage"); err != nil {
		s.Logger.Error("storing runtime changes that are not stored", zap.String("pool", p.Name()), zap.Error(err))
		return
	}
	s.Logger.Info("stored runtime changes that were not stored", zap.String("pool", p.Name()))
}

// tryLocked calls fn under the document's lock, if that is free. Otherwise the
// next round comes to it.
func (s *Store) tryLocked(d *document, fn func() error) {
	select {
	case <-d.turn:
	default:
		return
	}
	got := d.lease.held
	var err error
	if !got {
		err = bounded(context.Background(), "locking", opTimeout, func(ctx context.Context) (err error) {
			got, err = s.locker.try(ctx, d.lease.name)
			d.lease.held = got
			return err
		})
	}
	if err == nil && got {
		err = fn()
	}
	d.leave(err)
	if got || err != nil {
		d.noteWrite(err)
	}
}

// clear sets aside what is stored if it is unreadable still, which the caller
// has found it to be.
func (s *Store) clear(d *document, p *pool.Pool) error {
	data, err := s.load(d)
	if err == nil && data != nil {
		err = p.Adopt(data)
	}
	if !unreadable(err) {
		return err
	}
	return s.setAside(d, data, err)
}

// probe writes what is stored once more.
func (s *Store) probe(d *document) error {
	data, err := s.load(d)
	if err != nil || data == nil {
		return err
	}
	return s.store(d, data)
}
