package balancer

import (
	"math/bits"
	"sync/atomic"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

const (
	// maxParts is how many counters a tally is made of. More of them are less
	// in each other's way, and take longer to add up.
	maxParts = 8

	// maxApart is up to how many members have a cache line of their own in a
	// tally. Among more of them, it is seldom that two neighbors are counted at
	// the same time.
	maxApart = 256
)

// tally counts the requests in flight to a set of members. A counter that
// every request writes would go from one processor to the next all the time, and
// asking all members would take too long; so the members are divided up among a
// few counters.
//
// Like the leaves of a [loadTree], what was counted of a member is compared with
// it, again and again, until it agrees: whoever comes last sees what there is,
// and when nothing is going on, the sum is exact.
type tally struct {
	members []*pool.Member
	counted []atomic.Int64 // of member i, at i<<apart
	apart   int
	parts   []part // a power of two
}

// part is a counter with a cache line of its own.
type part struct {
	count atomic.Int64
	_     [120]byte
}

func newTally(members []*pool.Member) *tally {
	t := &tally{members: members}
	if len(members) <= maxApart {
		t.apart = 4 // of 8 bytes each
	}
	t.counted = make([]atomic.Int64, len(members)<<t.apart)
	t.parts = make([]part, min(maxParts, 1<<bits.Len(uint(len(members)-1))))
	t.Refresh()
	return t
}

// LoadChanged implements pool.LoadTracker.
func (t *tally) LoadChanged(m *pool.Member) {
	counted := &t.counted[m.Index<<t.apart]
	for {
		was, now := counted.Load(), m.InFlight()
		if was == now {
			return
		}
		if counted.CompareAndSwap(was, now) {
			t.parts[m.Index&(len(t.parts)-1)].count.Add(now - was)
		}
	}
}

// Refresh implements pool.LoadTracker.
func (t *tally) Refresh() {
	for _, m := range t.members {
		t.LoadChanged(m)
	}
}

// sum returns how many requests are in flight to all members.
func (t *tally) sum() (sum int64) {
	for i := range t.parts {
		sum += t.parts[i].count.Load()
	}
	return max(sum, 0)
}
