package pool

import (
	"errors"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/metrics"
)

// waitStats counts what has become of requests that waited.
type waitStats struct {
	waited   uint64 // have joined the queue
	served   uint64
	timedOut uint64
	left     uint64        // their client has, or the pool was closed
	wait     time.Duration // of those served, smoothed
	waits    metrics.Histogram
}

// serve counts one that was served after waiting for d, which is smoothed as
// backends' latencies are.
func (s *waitStats) serve(d time.Duration) {
	if s.served == 0 {
		s.wait = d
	} else {
		s.wait += (d - s.wait) / 8
	}
	s.served++
	s.waits.Observe(d)
}

// gone counts one that was not served.
func (s *waitStats) gone(err error) {
	switch {
	case errors.Is(err, ErrWaitedTooLong):
		s.timedOut++
	default:
		s.left++
	}
}

// QueueView is the state of a pool's queue at one moment.
type QueueView struct {
	QueueLimits
	Length   int64         // how many requests wait now
	Longest  time.Duration // how long the first of them has waited
	Wait     time.Duration // of those served lately, smoothed
	Waited   uint64        // how many requests have joined the queue
	Served   uint64        // of them
	TimedOut uint64        // of them
	Left     uint64        // of them, as the client did
	Refused  uint64        // how many found the queue full
}

// view returns the queue's state, and how many wait for one backend alone.
func (s *waitQueue) view(now time.Time) (QueueView, map[*Backend]int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := QueueView{
		QueueLimits: QueueLimits{Size: int(s.size.Load()), Timeout: s.timeout},
		Length:      s.total.Load(), Wait: s.stats.wait, Waited: s.stats.waited, Served: s.stats.served,
		TimedOut: s.stats.timedOut, Left: s.stats.left, Refused: s.refused.Load(),
	}
	if w := s.any.head; w != nil {
		v.Longest = now.Sub(w.since)
	}
	own := make(map[*Backend]int64, len(s.own))
	for b, l := range s.own {
		own[b] = l.size
		v.Longest = max(v.Longest, now.Sub(l.head.since))
	}
	return v, own
}
