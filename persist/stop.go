package persist

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"
)

// stopTimeout is how long the end of a config waits for the storage.
const stopTimeout = 2 * time.Second

// Stop ends what Run has begun, and gives back all locks. If no other store of
// this process runs, it is no longer an instance on the storage.
func (s *Store) Stop() {
	if s.sync.cancel == nil {
		return
	}
	last := s.Instance.end()
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
	if last {
		s.peers.leave(end)
	}
}

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
