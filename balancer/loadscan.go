package balancer

import "github.com/caddy-loadbalance/caddy-loadbalance/pool"

// maxScan is how many members are looked at one by one; that many bits a set
// of refusals has room for.
const maxScan = 16

// loadScan picks the member with the least load by looking at all of them.
type loadScan struct {
	members []*pool.Member
	turn    *turn // the member behind the last one picked
}

// Pick implements pool.Picker.
func (s *loadScan) Pick(q *pool.Request) *pool.Member {
	var refused uint32
	next := s.turn.next.Load()
	for races := 0; ; {
		i := s.least(int(next%uint64(len(s.members))), refused)
		if i < 0 {
			return nil
		}
		// Of two requests at the same time, one loses here, and looks again:
		// else both would choose the same of several equals.
		if !s.turn.next.CompareAndSwap(next, uint64(i)+1) && races < maxRaces {
			races++
			next = s.turn.next.Load()
			continue
		}
		if m := s.members[i]; q.Take(m) {
			return m
		}
		refused |= 1 << i
		s.turn.next.CompareAndSwap(uint64(i)+1, next) // it had no turn
	}
}

// least returns the member with the least load among those that have not
// refused, of equals the first one at or behind first; -1 if there is none.
func (s *loadScan) least(first int, refused uint32) int {
	best, least := -1, noRoom
	for range s.members {
		if refused>>first&1 == 0 {
			if l := loadWith(s.members[first]); l.less(least) {
				best, least = first, l
			}
		}
		if first++; first == len(s.members) {
			first = 0
		}
	}
	return best
}

// Rehearse implements pool.Rehearser.
func (s *loadScan) Rehearse() pool.Rehearsal { return &loadScan{s.members, s.turn.copy()} }

// Explain implements pool.Rehearsal.
func (s *loadScan) Explain(_ *pool.Request, chosen *pool.Member) pool.Account {
	return explainLoad(s.members, chosen)
}

// Interface guards
var (
	_ pool.Rehearser = (*loadScan)(nil)
	_ pool.Rehearsal = (*loadScan)(nil)
)
