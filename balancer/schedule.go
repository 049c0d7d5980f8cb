package balancer

import (
	"math/bits"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

const (
	// maxPeriod bounds the memory of a schedule's table; with it, members
	// that are in a table can be numbered with 16 bits.
	maxPeriod = 1 << 16

	// maxSteps bounds the work of making a table, to a few milliseconds.
	maxSteps = 1 << 21
)

// schedule is an endless order of members, in which turn after turn is looked
// up in constant time. It repeats itself after as many turns as the weights,
// divided by what divides all of them, add up to; within that period each
// member has exactly its weight in turns. So the same holds for any run of
// that many turns, wherever it begins. Within the period the turns of a member
// are spread out.
//
// There are three kinds. With equal weights the members simply follow each
// other. Else there is a table, if it can be made small and fast enough. If
// not, the turns walk over a [line] of the members in strides of the golden
// ratio times its length: each point is visited once per period, and a member
// is visited at regular intervals, as visits are to any interval of the line
// (three-distance theorem; Knuth, The Art of Computer Programming, volume 3,
// section 6.4, theorem S).
type schedule struct {
	period uint64
	table  []uint16
	line   *line
	stride uint64
}

func newSchedule(members []*pool.Member) *schedule {
	classes, period := classify(members)
	switch {
	case len(classes) == 1:
		return &schedule{period: uint64(len(members))}
	case period <= maxPeriod && period*uint64(len(classes)) <= maxSteps:
		assign(members, classes)
		return &schedule{period: period, table: interleave(classes, period)}
	}
	return &schedule{period: period, line: newLine(members), stride: goldenStride(period)}
}

// at returns the member whose turn it is.
func (s *schedule) at(turn uint64) int {
	turn %= s.period
	switch {
	case s.table != nil:
		return int(s.table[turn])
	case s.line != nil:
		return s.line.at(turn * s.stride % s.period)
	}
	return int(turn)
}

// class is the members of one weight. They take turns within the class, so a
// schedule only has to decide between classes.
type class struct {
	weight  int
	count   int
	members []uint16
	next    int // member whose turn in the class is next
}

// total returns the weight of all members.
func (c *class) total() int64 { return int64(c.weight) * int64(c.count) }

// classify finds out which classes there are, in the order of their first
// members, and returns them with the sum of all weights. Weights are divided by
// their greatest common divisor.
func classify(members []*pool.Member) (classes []class, sum uint64) {
	divisor := int(commonDivisor(members))
	byWeight := make(map[int]int)
	last := -1
	for _, m := range members {
		weight := m.Weight / divisor
		if last < 0 || classes[last].weight != weight {
			known, ok := byWeight[weight]
			if !ok {
				known = len(classes)
				byWeight[weight] = known
				classes = append(classes, class{weight: weight})
			}
			last = known
		}
		classes[last].count++
		sum += uint64(weight)
	}
	return classes, sum
}

// assign lists the members in the classes that classify has found.
func assign(members []*pool.Member, classes []class) {
	divisor := int(commonDivisor(members))
	byWeight := make(map[int]*class, len(classes))
	lists := make([]uint16, len(members)) // one allocation for all
	for i := range classes {
		c := &classes[i]
		byWeight[c.weight] = c
		c.members, lists = lists[:0:c.count], lists[c.count:]
	}
	for i, m := range members {
		c := byWeight[m.Weight/divisor]
		c.members = append(c.members, uint16(i))
	}
}

// interleave returns one period of turns. In each turn every class gains its
// total weight in credit, and the one with the most credit has the turn and
// pays the sum of all weights for it: smooth weighted round robin, as it was
// first used by nginx, here over classes.
func interleave(classes []class, period uint64) []uint16 {
	credit, gain := make([]int64, len(classes)), make([]int64, len(classes))
	for c := range classes {
		gain[c] = classes[c].total()
	}
	table := make([]uint16, period)
	for turn := range table {
		best := 0
		for c := range credit {
			credit[c] += gain[c]
			if credit[c] > credit[best] {
				best = c
			}
		}
		credit[best] -= int64(period)
		c := &classes[best]
		table[turn] = c.members[c.next]
		if c.next++; c.next == len(c.members) {
			c.next = 0
		}
	}
	return table
}

const (
	// inverseGolden is 2^64 divided by the golden ratio.
	inverseGolden = 0x9E3779B97F4A7C15

	// strideCandidates is how many strides are looked at on both sides of
	// the ideal one.
	strideCandidates = 64
)

// goldenStride returns a stride near period divided by the golden ratio that
// has no divisor in common with the period, so that strides visit every point.
// Among the candidates it takes the one whose ratio to the period has the
// smallest largest partial quotient as a continued fraction: the smaller it
// is, the more even are the gaps between visits. The golden ratio itself has
// ones only.
func goldenStride(period uint64) uint64 {
	ideal, _ := bits.Mul64(period, inverseGolden)
	best, worst := uint64(1), period
	for i := range uint64(2 * strideCandidates) {
		candidate := ideal + i/2
		if i%2 == 1 {
			candidate = ideal - i/2 - 1
		}
		if candidate == 0 || candidate >= period { // less than 0 wraps around
			continue
		}
		if quotient, coprime := largestQuotient(period, candidate); coprime && quotient < worst {
			best, worst = candidate, quotient
		}
	}
	return best
}

// largestQuotient returns the largest partial quotient of a/b as a continued
// fraction, and whether a and b have no common divisor.
func largestQuotient(a, b uint64) (largest uint64, coprime bool) {
	for b != 0 {
		largest = max(largest, a/b)
		a, b = b, a%b
	}
	return largest, a == 1
}
