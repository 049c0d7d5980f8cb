package persist

import (
	"go.uber.org/zap"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// tell says in the log that the storage fails, and that it works again.
func (s *Store) tell(pools []*pool.Pool) {
	var failing int
	var example []zap.Field
	var cause error
	for _, p := range pools {
		if err := s.document(p.Name()).failure(); err != nil {
			failing, cause, example = failing+1, err, []zap.Field{zap.String("pool", p.Name())}
		}
	}
	if err := s.peers.failure(); err != nil {
		failing, cause = failing+1, err
	}
	s.sync.mu.Lock()
	was := s.sync.failing
	s.sync.failing = failing > 0
	s.sync.mu.Unlock()
	switch {
	case failing > 0 && !was:
		s.Logger.Error("the storage of runtime changes fails", append(example, zap.Error(cause))...)
	case failing == 0 && was:
		s.Logger.Info("the storage of runtime changes works again")
	}
}
