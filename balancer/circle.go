package balancer

import "math/bits"

// circle has the points of members, clockwise.
type circle struct {
	// points are where on the circle, which has a length of 2^32, in the
	// upper half, and of which slot in the lower one; ascending.
	points []uint64
	// starts[i] is the first point of sector i, or of one behind it; a sector
	// has a length of 1<<shift, and one to two points.
	starts []uint32
	shift  int
}

// newCircle makes the circle of the members with these numbers, part by part.
func newCircle(keys []uint64, numbers []uint32) circle {
	sectorBits := bits.Len(uint(len(numbers)) / 2) // of the sectors in a part
	c := circle{
		points: make([]uint64, len(numbers)*pointsPerMember),
		starts: make([]uint32, pointsPerMember<<sectorBits),
		shift:  32 - partBits - sectorBits,
	}
	points := make([]uint32, len(numbers))
	for part := range pointsPerMember {
		for i, number := range numbers {
			points[i] = pointIn(part, keys[number])
		}
		c.fill(part, points, numbers)
	}
	c.sortSectors()
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
		c.points[starts[sector]] = uint64(at)<<32 | uint64(numbers[n])
	}
}

// sortSectors sorts points that are in the right sector already, so that none
// has far to go.
func (c *circle) sortSectors() {
	for i := 1; i < len(c.points); i++ {
		point := c.points[i]
		j := i
		for j > 0 && c.points[j-1] > point {
			c.points[j] = c.points[j-1]
			j--
		}
		c.points[j] = point
	}
}

// from returns the first point at or behind a place, which may be point 0.
func (c *circle) from(place uint32) int {
	i := int(c.starts[place>>c.shift])
	for i < len(c.points) && c.points[i]>>32 < uint64(place) {
		i++
	}
	if i == len(c.points) {
		return 0
	}
	return i
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
