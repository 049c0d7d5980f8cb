package health

import "sync/atomic"

// streak counts the failures of one backend in a row, in the lower half, and in
// the upper one those that the latest success has ended: a response that fails
// behind its head was taken for a success before.
type streak struct{ counts atomic.Uint64 }

const streakBits = 32

// success ends the row. It writes nothing if there is none.
func (s *streak) success() {
	for {
		was := s.counts.Load()
		if was == 0 || s.counts.CompareAndSwap(was, was<<streakBits) {
			return
		}
	}
}

// failure returns how many failures there are in a row, with this one. late
// says that it was reported as a success before.
func (s *streak) failure(late bool) int {
	for {
		was := s.counts.Load()
		count := was & (1<<streakBits - 1)
		if late {
			count = max(count, was>>streakBits)
		}
		count = min(count+1, 1<<streakBits-1)
		if s.counts.CompareAndSwap(was, count) {
			return int(count)
		}
	}
}

func (s *streak) clear() { s.counts.Store(0) }
