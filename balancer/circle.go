package balancer

import (
	"math/bits"
	"slices"
)

const (
	// pointsPerMember and probes are part of which key goes to which member:
	// changing one moves keys. Shares of keys differ from those by weight
	// with a standard deviation of about 1/sqrt(2 * probes * pointsPerMember)
	// of themselves, 3 % with these, and less among few members. More points
	// cost time when a layout is made, more probes in each pick.
	pointsPerMember = 1 << partBits
	partBits        = 5
	probes          = 16
)

// circle has the points of members whose weights differ by less than a factor
// of two, so that the search for the least distance can stop soon.
type circle struct {
	class    int
	heaviest uint64 // the most that a weight of the class can be
	members  int
	// The points clockwise: where on the circle, which has a length of 2^32,
	// and of which slot. The first point is there once more at the end.
	at   []uint32
	slot []uint32
	// starts[i] is the first point of sector i, or of one behind it; a sector
	// has a length of 1<<shift, and about one point.
	starts []uint32
	shift  int
}

// newCircle makes the circle of the members with these numbers, part by part.
func newCircle(class int, keys []uint64, numbers []uint32) circle {
	count := len(numbers) * pointsPerMember
	sectorBits := bits.Len(uint(len(numbers) - 1)) // of the sectors in a part
	c := circle{
		class:    class,
		heaviest: 1<<class - 1,
		members:  len(numbers),
		at:       make([]uint32, count+1),
		slot:     make([]uint32, count+1),
		starts:   make([]uint32, pointsPerMember<<sectorBits),
		shift:    32 - partBits - sectorBits,
	}
	points := make([]uint32, len(numbers))
	for part := range pointsPerMember {
		for i, number := range numbers {
			points[i] = pointIn(part, keys[number])
		}
		c.fill(part, points, numbers)
	}
	c.sortSectors()
	c.at[count], c.slot[count] = c.at[0], c.slot[0]
	return c
}

// pointIn returns the point of a member in one of as many equal parts of the
// circle as a member has points: apart from each other, they are in each
// other's way less.
func pointIn(part int, key uint64) uint32 {
	return uint32(part)<<(32-partBits) | uint32(spread(key, uint64(part))>>(32+partBits))
}

// fill puts the points of one part into their sectors.
func (c *circle) fill(part int, points, numbers []uint32) {
	size := len(c.starts) / pointsPerMember
	starts := c.starts[part*size:][:size]
	first := uint32(part * size)
	for _, at := range points {
		starts[at>>c.shift-first]++
	}
	end := uint32(part * len(points))
	for sector := range starts {
		end += starts[sector]
		starts[sector] = end
	}
	// now starts has the ends of the sectors, which become the starts while
	// the sectors fill up from behind
	for n, at := range points {
		sector := at>>c.shift - first
		starts[sector]--
		i := starts[sector]
		c.at[i], c.slot[i] = at, numbers[n]
	}
}

// sortSectors sorts points that are in the right sector already, so that none
// has far to go.
func (c *circle) sortSectors() {
	for i := 1; i < len(c.at)-1; i++ {
		at, slot := c.at[i], c.slot[i]
		j := i
		for j > 0 && c.at[j-1] > at {
			c.at[j], c.slot[j] = c.at[j-1], c.slot[j-1]
			j--
		}
		c.at[j], c.slot[j] = at, slot
	}
}

// candidate is a member and its distance to a key: distance / weight.
type candidate struct {
	distance uint64
	weight   uint64
	slot     uint32
}

// probe improves best by what is nearest to a probe on one circle.
func (r *ring) probe(c *circle, probe uint32, refused []uint32, best *candidate) {
	i := c.starts[probe>>c.shift]
	for int(i) < len(c.at)-1 && c.at[i] < probe {
		i++
	}
	// differences are right across the end of the circle, too
	if distance := uint64(c.at[i] - probe); distance*best.weight <= best.distance*c.heaviest {
		r.walk(c, probe, i, refused, best)
	}
}

// walk goes on from point i, until points are too far away to improve best.
func (r *ring) walk(c *circle, probe, i uint32, refused []uint32, best *candidate) {
	for range len(c.at) {
		distance := uint64(c.at[i] - probe)
		if distance*best.weight > best.distance*c.heaviest {
			return
		}
		slot := c.slot[i]
		if m := r.slots[slot]; m != nil && !slices.Contains(refused, slot) {
			r.consider(candidate{distance, uint64(m.Weight), slot}, best)
		}
		if i++; int(i) == len(c.at) {
			i = 1 // point 0 is what the last one is
		}
	}
}

// consider makes c the best if it is. Equals are decided by key, so that the
// order of the members does not matter.
func (r *ring) consider(c candidate, best *candidate) {
	left, right := c.distance*best.weight, best.distance*c.weight
	if left < right || left == right && r.layout.keys[c.slot] < r.layout.keys[best.slot] {
		*best = c
	}
}

// spread returns the n-th of many hashes of one, by the finalizer of
// MurmurHash3 in the variant 13 of Stafford, as SplitMix64 has it (Steele, Lea
// and Flood, 2014).
func spread(hash, n uint64) uint64 {
	z := hash + (n+1)*inverseGolden
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}
