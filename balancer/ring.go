package balancer

import (
	"slices"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

const (
	// pointsPerMember and visibleBits are part of which key goes to which
	// member: changing one moves keys. A key sees one point in
	// 1<<visibleBits. Shares of keys differ from those by weight with a
	// standard deviation of about 1/sqrt(2 * pointsPerMember<<visibleBits) of
	// themselves, 3 % with these, and less among few members. More points
	// cost time when a layout is made, seeing fewer of them in each pick.
	pointsPerMember = 1 << partBits
	partBits        = 4
	visibleBits     = 5

	// maxLaps is how often a key goes around. That it sees none of a member's
	// points on so many laps has a probability of less than 1 in 10^14.
	maxLaps = 64

	// maxRefused is how many members are asked in the order of the hash.
	maxRefused = 16
)

// ring maps keys to members by consistent hashing.
//
// Each member has points on a circle, and a key has a place on it, from where
// it goes clockwise. It sees few of the points that it comes by: which ones is
// up to a hash of point and key, so that every key has a circle of its own, and
// the members that happen to have much room on the one have little on the
// next. On each lap it sees others. The distance of a member to a key is the
// way to the first of the member's points that the key sees, divided by the
// member's weight, and the key goes to the member with the least distance.
//
// A distance depends on nothing but the key and the member. So, like in
// rendezvous hashing, a member that leaves moves the keys that it had and no
// others, one that comes takes keys only to itself, and every process agrees.
// Unlike in rendezvous hashing, nobody has to look at all members for a key.
// Seeing one point in n is worth as much as n probes of a key (Appleton and
// O'Reilly, "Multi-probe consistent hashing", 2015): as many points are looked
// at, but side by side in memory.
type ring struct {
	*seating
	members []*pool.Member
	layout  *layout
}

// newRing makes a ring, with the layout of the one before if possible.
func newRing(members []*pool.Member, before *ring) *ring {
	if before != nil {
		if s, ok := before.layout.seat(members); ok {
			return &ring{s, members, before.layout}
		}
	}
	l := newLayout(members)
	s := &seating{slots: members, weights: make([]uint32, len(members))}
	for i, m := range members {
		s.put(i, m, l.circle[i])
	}
	return &ring{s, members, l}
}

// pick picks the member of a key's hash. If it refuses, the next one in the
// order of their distance to the key is asked.
func (r *ring) pick(q *pool.Request, hash uint64) *pool.Member {
	return r.offer(hash, q.Take)
}

// offer offers a request to members in the order of their distance to a key's
// hash, until one takes it; nil if none does.
func (r *ring) offer(hash uint64, take func(*pool.Member) bool) *pool.Member {
	var refused [maxRefused]uint32
	for n := range min(maxRefused, len(r.members)) {
		slot, ok := r.nearest(hash, refused[:n])
		if !ok {
			break
		}
		if m := r.slots[slot]; take(m) {
			return m
		}
		refused[n] = slot
	}
	start := int(hash % uint64(len(r.members)))
	for _, part := range [2][]*pool.Member{r.members[start:], r.members[:start]} {
		for _, m := range part {
			if take(m) {
				return m
			}
		}
	}
	return nil
}

// candidate is a member and its distance to a key: distance / weight.
type candidate struct {
	distance uint64
	weight   uint64
	slot     uint32
}

// nowhere is farther away than any point on the last lap.
const nowhere = maxLaps << 32

// nearest returns the slot of the member with the least distance to the key
// among those that have not refused; not ok if there is none.
func (r *ring) nearest(hash uint64, refused []uint32) (slot uint32, ok bool) {
	best := candidate{distance: nowhere, weight: 1}
	for i := len(r.layout.circles) - 1; i >= 0; i-- { // the heaviest are nearest
		if r.seated[i] > r.refusedOn(i, refused) {
			r.walk(&r.layout.circles[i], r.heaviest[i], hash, refused, &best)
		}
	}
	return best.slot, best.distance < nowhere
}

func (r *ring) refusedOn(circle int, refused []uint32) (n int) {
	for _, slot := range refused {
		if int(r.layout.circle[slot]) == circle {
			n++
		}
	}
	return n
}

// walk improves best by what is nearest on one circle. heaviest is the most
// that a member of the circle weighs.
func (r *ring) walk(c *circle, heaviest, hash uint64, refused []uint32, best *candidate) {
	place := uint32(hash >> 32)
	first := c.from(place)
	limit := best.limit(heaviest)
	for lap := range uint64(maxLaps) {
		salt := spread(hash, lap)
		i := first
		for range c.points {
			point := c.points[i]
			// differences are right across the end of the circle, too
			distance := lap<<32 + uint64(uint32(point>>32)-place)
			if distance > limit {
				return
			}
			slot := uint32(point)
			if visible(salt, point>>32) && r.weights[slot] > 0 && !slices.Contains(refused, slot) {
				r.consider(candidate{distance, uint64(r.weights[slot]), slot}, best)
				limit = best.limit(heaviest)
			}
			if i++; i == len(c.points) {
				i = 0
			}
		}
	}
}

// visible reports whether a key sees a point.
func visible(salt, at uint64) bool {
	z := salt + at*inverseGolden
	return (z^z>>32)*0xBF58476D1CE4E5B9>>(64-visibleBits) == 0
}

// limit returns the distance beyond which no member of that weight is better.
func (c *candidate) limit(heaviest uint64) uint64 { return c.distance * heaviest / c.weight }

// consider makes c the best if it is. Equals are decided by key, so that the
// order of the members does not matter.
func (r *ring) consider(c candidate, best *candidate) {
	left, right := c.distance*best.weight, best.distance*c.weight
	if left < right || left == right && r.layout.keys[c.slot] < r.layout.keys[best.slot] {
		*best = c
	}
}
