package balancer

import (
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// load is what one more request would make of a member's load, (in flight + 1)
// / weight, kept as the fraction that it is: the count in the upper half, the
// weight in the lower one. A weight of 0 makes it infinite: no request fits.
type load uint64

// noRoom is an infinite load.
const noRoom load = 1 << 32

// loadWith returns the load that one more request would make of m.
func loadWith(m *pool.Member) load {
	if m.Full() {
		return noRoom
	}
	return load(countWith(m)<<32 | uint64(uint32(m.Weight)))
}

// less compares fractions by cross-multiplication, which is exact.
func (l load) less(than load) bool {
	return uint64(l)>>32*uint64(uint32(than)) < uint64(than)>>32*uint64(uint32(l))
}
