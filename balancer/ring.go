package balancer

import (
	"math/bits"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// maxRefused is how many members are asked in the order of the hash.
const maxRefused = 16

// ring maps keys to members by consistent hashing with several probes
// (Appleton and O'Reilly, "Multi-probe consistent hashing", 2015), extended to
// weights.
//
// Each member has points on a circle, and a key has probes on it; all follow
// from hashes alone. The distance of a member to a key is the shortest way
// clockwise from any probe of the key to any point of the member, divided by
// the member's weight, and the key goes to the member with the least distance.
// A distance depends on nothing but the key and the member. So, like in
// rendezvous hashing, a member that leaves moves the keys that it had and no
// others, one that comes takes keys only to itself, and every process agrees.
// Unlike in rendezvous hashing, nobody has to look at all members for a key.
type ring struct {
	members []*pool.Member
	// slots are the members by their number in the layout; nil if it is not
	// there now
	slots  []*pool.Member
	layout *layout
}

// layout is the points of a set of members. It outlasts that some of these are
// not there, so that backends which go down and come up do not have it made
// again. Nothing in it changes.
type layout struct {
	keys    []uint64
	classes []uint8  // of weights, see weightClass
	circles []circle // one for each class that has members, heaviest first
}

// newRing makes a ring, with the layout of the one before if possible.
func newRing(members []*pool.Member, before *ring) *ring {
	if before != nil {
		if slots, ok := before.layout.seat(members); ok {
			return &ring{members, slots, before.layout}
		}
	}
	return &ring{members, members, newLayout(members)}
}

// weightClass is the same for weights that differ by less than a factor of two.
func weightClass(weight int) uint8 { return uint8(bits.Len(uint(weight))) }

func newLayout(members []*pool.Member) *layout {
	l := &layout{keys: make([]uint64, len(members)), classes: make([]uint8, len(members))}
	var numbers [65][]uint32
	for i, m := range members {
		class := weightClass(m.Weight)
		l.keys[i], l.classes[i] = m.Key, class
		numbers[class] = append(numbers[class], uint32(i))
	}
	for class := len(numbers) - 1; class >= 0; class-- {
		if len(numbers[class]) > 0 {
			l.circles = append(l.circles, newCircle(class, l.keys, numbers[class]))
		}
	}
	return l
}

// seat returns the members by their numbers in the layout. It is not ok if they
// are in another order, have weights of other classes, or are not all in the
// layout; nor if they are less than half of a circle, on which many points
// would have to be passed over in each pick.
func (l *layout) seat(members []*pool.Member) (slots []*pool.Member, ok bool) {
	if len(members) > len(l.keys) {
		return nil, false
	}
	slots = make([]*pool.Member, len(l.keys))
	var seated [65]int
	number := 0
	for _, m := range members {
		for number < len(l.keys) && l.keys[number] != m.Key {
			number++
		}
		if number == len(l.keys) || l.classes[number] != weightClass(m.Weight) {
			return nil, false
		}
		slots[number] = m
		seated[l.classes[number]]++
		number++
	}
	for i := range l.circles {
		if c := &l.circles[i]; 2*seated[c.class] < c.members {
			return nil, false
		}
	}
	return slots, true
}

// pick picks the member of a key's hash. If it refuses, the next one in the
// order of their distance to the key is asked.
func (r *ring) pick(q *pool.Request, hash uint64) *pool.Member {
	var refused [maxRefused]uint32
	for n := range min(maxRefused, len(r.members)) {
		slot := r.nearest(hash, refused[:n])
		if m := r.slots[slot]; q.Take(m) {
			return m
		}
		refused[n] = slot
	}
	if len(r.members) <= maxRefused {
		return nil
	}
	return offerFrom(q, r.members, int(hash%uint64(len(r.members))))
}

// nearest returns the slot of the member with the least distance to the key
// among those that have not refused, of which there must be one.
func (r *ring) nearest(hash uint64, refused []uint32) (slot uint32) {
	best := candidate{distance: 1 << 32, weight: 1}
	for i := range r.layout.circles {
		c := &r.layout.circles[i]
		for n := range uint64(probes / 2) {
			probe := spread(hash, n)
			r.probe(c, uint32(probe>>32), refused, &best)
			r.probe(c, uint32(probe), refused, &best)
		}
	}
	return best.slot
}
