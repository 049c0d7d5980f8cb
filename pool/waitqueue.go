package pool

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// waitQueue holds the requests that wait for a slot, in lines: one of those
// that any backend may serve, and one for each backend that alone may serve
// some. Within a line, and among those who compete for the same slot, who came
// first is served first.
//
// No wake-up is lost, because each side writes before it reads: who waits
// first shows itself in the counters below and then looks for a slot once more;
// who frees a slot, or publishes a snapshot, does so first and then looks at
// the counters. Of two at the same time, one sees the other.
type waitQueue struct {
	_ [cacheLine]byte
	// what every request reads
	general atomic.Int64 // in the line for any backend
	total   atomic.Int64 // in all lines
	size    atomic.Int64 // how many may wait; 0: no queue is configured
	_       [cacheLine]byte

	mu      sync.Mutex // may be locked with the pool's mutex held, not the other way round
	timeout time.Duration
	last    uint64 // ticket
	any     line
	own     map[*Backend]*line // none is empty
	closed  bool               // nobody waits any more
	stats   waitStats
	refused atomic.Uint64 // requests, as the queue was full
}

// configure puts the limits of a definition in force. They are for those who
// come from now on: who waits already goes on waiting as it was promised.
func (s *waitQueue) configure(limits QueueLimits) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.size.Store(int64(limits.Size))
	s.timeout = limits.Timeout
	s.closed = false
}

// close sends all waiters away. It is in force until the queue is configured
// again.
func (s *waitQueue) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, w := range s.all() {
		s.dismiss(w)
		s.stats.gone(ErrClosed)
		w.slot <- nil
	}
}

// awaits reports whether anybody may wait for a slot on b.
func (s *waitQueue) awaits(b *Backend) bool { return s.general.Load() > 0 || b.awaited.Load() != 0 }

// comesFirst reports whether requests wait that nobody may overtake.
func (s *waitQueue) comesFirst() bool { return s.general.Load() > 0 }

// overflow returns how many requests wait if no more may, and those include some
// that nobody may overtake; else 0. So whoever comes is refused, whatever else
// there is to say.
func (s *waitQueue) overflow() int64 {
	size := s.size.Load()
	if size == 0 || s.general.Load() == 0 {
		return 0
	}
	if n := s.total.Load(); n >= size {
		return n
	}
	return 0
}

// refuse returns the error for a request that is not let in because of n others.
func (s *waitQueue) refuse(n int64) error {
	s.refused.Add(1)
	return fmt.Errorf("%w: %d requests wait for a backend", ErrQueueFull, n)
}

// lineOf returns the line for a backend; nil is any.
func (s *waitQueue) lineOf(b *Backend) *line {
	if b == nil {
		return &s.any
	}
	l := s.own[b]
	if l == nil {
		l = new(line)
		if s.own == nil {
			s.own = make(map[*Backend]*line)
		}
		s.own[b] = l
	}
	return l
}

// place puts w into the line for a backend, behind another waiter.
func (s *waitQueue) place(w *waiter, own *Backend, l *line, behind *waiter) {
	w.own = own
	l.insert(w, behind)
	s.show(own, l)
}

// take takes w out of its line.
func (s *waitQueue) take(w *waiter) {
	l := w.line
	l.remove(w)
	if w.own != nil && l.head == nil {
		delete(s.own, w.own)
	}
	s.show(w.own, l)
}

// show makes a changed line visible to those that have not locked the queue.
func (s *waitQueue) show(own *Backend, l *line) {
	switch {
	case own == nil:
		s.general.Store(l.size)
	case l.head == nil:
		own.awaited.Store(0)
	default:
		own.awaited.Store(l.head.ticket)
	}
}

// firstFor returns who is to get a slot on m; nil if nobody waits for it, or may
// have it.
func (s *waitQueue) firstFor(m *Member) *waiter {
	if !m.keepsSessions() {
		return nil // who waits for it is about to be told by a new snapshot
	}
	var first *waiter
	if m.Index >= 0 {
		first = s.any.head
	}
	if l := s.own[m.Backend]; l != nil && (first == nil || l.head.ticket < first.ticket) {
		first = l.head
	}
	return first
}

// all returns all waiters by ticket.
func (s *waitQueue) all() []*waiter {
	list := make([]*waiter, 0, s.total.Load())
	collect := func(l *line) {
		l.cursor = nil
		for w := l.head; w != nil; w = w.next {
			list = append(list, w)
		}
	}
	collect(&s.any)
	for _, l := range s.own {
		collect(l)
	}
	slices.SortFunc(list, func(a, b *waiter) int { return cmp.Compare(a.ticket, b.ticket) })
	return list
}

// dismiss takes w out of the queue.
func (s *waitQueue) dismiss(w *waiter) {
	s.take(w)
	s.total.Add(-1)
	w.q.ticket = 0
	w.q.waited += time.Since(w.since)
}

// hand gives w the slot on m that was reserved for it.
func (s *waitQueue) hand(w *waiter, m *Member) {
	s.dismiss(w)
	if w.joined {
		s.stats.serve(time.Since(w.since))
	}
	w.slot <- m
}
