package balancer

import (
	"math/bits"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// line lays members side by side, each as long as its weight: the member at a
// point of the line is found in constant time on average. Weights are divided
// by what divides all of them.
//
// The member at a point is looked up through a guide table (Chen and Asau,
// 1974): the line is cut into about as many pieces of equal length as there
// are members, and a binary search is left to do among the members that touch
// the piece.
type line struct {
	length uint64
	ends   []uint64 // where each member ends; nil if all have the length 1
	guide  []uint32 // member at the start of each piece, and the last member
	shift  int      // a piece has the length 1<<shift
}

func newLine(members []*pool.Member) *line {
	divisor := commonDivisor(members)
	l := &line{}
	equal := true
	for _, m := range members {
		l.length += uint64(m.Weight) / divisor
		equal = equal && m.Weight == members[0].Weight
	}
	if equal {
		return l
	}
	l.ends = make([]uint64, len(members))
	end := uint64(0)
	for i, m := range members {
		end += uint64(m.Weight) / divisor
		l.ends[i] = end
	}
	l.shift = max(0, bits.Len64(l.length)-bits.Len(uint(len(members)))-1)
	l.guide = make([]uint32, (l.length-1)>>l.shift+2)
	member := 0
	for piece := range l.guide {
		for member < len(members)-1 && l.ends[member] <= uint64(piece)<<l.shift {
			member++
		}
		l.guide[piece] = uint32(member)
	}
	return l
}

// at returns the member at a point below the line's length.
func (l *line) at(point uint64) int {
	if l.ends == nil {
		return int(point)
	}
	piece := point >> l.shift
	low, high := int(l.guide[piece]), int(l.guide[piece+1])
	for low < high {
		if middle := int(uint(low+high) / 2); l.ends[middle] > point {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low
}

// span returns where a member begins and how long it is.
func (l *line) span(member int) (start, width uint64) {
	switch {
	case l.ends == nil:
		return uint64(member), 1
	case member == 0:
		return 0, l.ends[0]
	}
	return l.ends[member-1], l.ends[member] - l.ends[member-1]
}

// commonDivisor returns the greatest common divisor of all weights.
func commonDivisor(members []*pool.Member) uint64 {
	divisor := uint64(members[0].Weight)
	for _, m := range members {
		if divisor == 1 {
			break
		}
		divisor = gcd(uint64(m.Weight), divisor)
	}
	return divisor
}

// sameWeights reports whether two lists have the same weights in the same
// order, so that what was made of the weights of one is right for the other.
func sameWeights(a, b []*pool.Member) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Weight != b[i].Weight {
			return false
		}
	}
	return true
}
