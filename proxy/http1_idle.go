package proxy

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// idleConns are the idle connections to one backend. The one that was used last
// is taken first, so that those which are not needed any more grow old.
type idleConns struct {
	limit   int
	sweeper *sweeper

	mu     sync.Mutex
	conns  []*http1Conn // the one used last at the end
	closed bool
	swept  bool // the sweeper knows of it
}

// take returns the connection that was used last, nil if there is none.
func (i *idleConns) take() *http1Conn {
	i.mu.Lock()
	defer i.mu.Unlock()
	n := len(i.conns)
	if n == 0 {
		return nil
	}
	c := i.conns[n-1]
	i.conns[n-1] = nil
	i.conns = i.conns[:n-1]
	i.sweeper.count.Add(-1)
	return c
}

// put keeps a connection. It reports false if there is no place for it.
func (i *idleConns) put(c *http1Conn) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.closed || i.limit > 0 && len(i.conns) >= i.limit || i.limit < 0 || !i.sweeper.admit() {
		return false
	}
	c.idle = i.sweeper.round.Load()
	i.conns = append(i.conns, c)
	if !i.swept {
		i.swept = true
		i.sweeper.watch(i)
	}
	return true
}

// close closes all connections, and from now on those that are put.
func (i *idleConns) close() {
	i.mu.Lock()
	i.closed = true
	conns := i.conns
	i.conns = nil
	i.mu.Unlock()
	i.sweeper.count.Add(int64(-len(conns)))
	for _, c := range conns {
		_ = c.Close()
	}
}

// sweep closes connections that were not used since a round of the sweeper, and
// those on which something has arrived. It reports whether others are left.
func (i *idleConns) sweep(since int64) bool {
	var dead []*http1Conn
	i.mu.Lock()
	kept := i.conns[:0]
	for _, c := range i.conns {
		if c.idle < since || c.look() != lookQuiet {
			dead = append(dead, c)
		} else {
			kept = append(kept, c)
		}
	}
	clear(i.conns[len(kept):])
	i.conns = kept
	i.swept = len(kept) > 0
	left := i.swept
	i.mu.Unlock()
	i.sweeper.count.Add(int64(-len(dead)))
	for _, c := range dead {
		_ = c.Close()
	}
	return left
}

const (
	// sweepInterval is how often idle connections are looked at. A connection
	// that its backend has closed, or has sent something on, is closed then at
	// the latest.
	sweepInterval = time.Second
	// minSweepInterval is for those who set a very short idle timeout.
	minSweepInterval = 10 * time.Millisecond
)

// sweeper looks after the idle connections to all backends of a pool.
type sweeper struct {
	timeout time.Duration // how long a connection may be idle; not positive: for ever
	limit   int64         // of connections; 0: none
	count   atomic.Int64
	round   atomic.Int64 // how often was swept: the clock of idle connections

	mu      sync.Mutex
	watched []*idleConns
	timer   *time.Timer // nil: never started
	running bool
}

func newSweeper(cfg *config.KeepAlive) *sweeper {
	s := &sweeper{timeout: config.DefaultIdleConnTimeout}
	if cfg != nil {
		s.timeout = orDefault(cfg.IdleConnTimeout, s.timeout)
		s.limit = int64(cfg.MaxIdleConns)
	}
	return s
}

// admit counts one more idle connection, if there may be one.
func (s *sweeper) admit() bool {
	if n := s.count.Add(1); s.limit > 0 && n > s.limit {
		s.count.Add(-1)
		return false
	}
	return true
}

// watch has i swept from now on, until it has no connections.
func (s *sweeper) watch(i *idleConns) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watched = append(s.watched, i)
	s.schedule()
}

func (s *sweeper) schedule() {
	if s.running {
		return
	}
	s.running = true
	interval := s.interval()
	if s.timer == nil {
		s.timer = time.AfterFunc(interval, s.sweep)
	} else {
		s.timer.Reset(interval)
	}
}

func (s *sweeper) interval() time.Duration {
	if s.timeout <= 0 {
		return sweepInterval
	}
	return max(min(sweepInterval, s.timeout/2), minSweepInterval)
}

func (s *sweeper) sweep() {
	s.mu.Lock()
	watched := s.watched
	s.watched = nil
	s.mu.Unlock()
	since := s.round.Add(1)
	if s.timeout > 0 {
		interval := s.interval()
		since -= int64((s.timeout + interval - 1) / interval)
	} else {
		since = 0
	}
	left := watched[:0]
	for _, i := range watched {
		if i.sweep(since) {
			left = append(left, i)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watched = append(s.watched, left...)
	if s.running = false; len(s.watched) > 0 {
		s.schedule()
	}
}
