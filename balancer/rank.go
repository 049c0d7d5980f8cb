package balancer

import (
	"math"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// rank is a load, (in flight + 1) / weight, as a fixed-point number that is
// rounded down, with 32 bits behind the point: what compares many loads wants
// one instruction for each. The order is still exact. Loads with the weights v
// and w that are not the same differ by at least 1/(v*w); with weights below
// 2^16 that is more than the last bit, and the same loads have the same rank.
type rank uint64

// full is the rank of a member in which no request fits.
const full rank = math.MaxUint64

const rankBits = 32

func rankOf(count, weight uint64) rank { return rank(count << rankBits / weight) }

// rankWith returns the rank that one more request would give m.
func rankWith(m *pool.Member) rank {
	if m.Full() {
		return full
	}
	return rankOf(countWith(m), uint64(m.Weight))
}

// countWith returns how many requests m would have with one more.
func countWith(m *pool.Member) uint64 {
	return min(uint64(max(m.InFlight(), 0)), math.MaxUint32-1) + 1
}

// oneMore returns the rank of m after another request.
func (r rank) oneMore(m *pool.Member) rank {
	weight := uint64(m.Weight)
	// rounding up undoes rounding down, as weights are less than 2^32
	whole, rest := uint64(r)>>rankBits, uint64(r)&(1<<rankBits-1)
	count := whole*weight + (rest*weight+1<<rankBits-1)>>rankBits
	return rankOf(min(count+1, math.MaxUint32), weight)
}
