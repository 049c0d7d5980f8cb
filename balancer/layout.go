package balancer

import (
	"math/bits"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// layout is the points of a set of members. It outlasts that some of these are
// not there, and changes of weight, so that backends which go down and come up
// do not have it made again. Nothing in it changes.
//
// How members are put on circles makes no difference to where keys go, only to
// how long it takes to find out: the walk for a key goes on for as long as the
// heaviest member of the circle could still be nearer than the one found, and
// that is long among members that are much lighter.
type layout struct {
	keys    []uint64
	circles []circle
	circle  []uint8 // of each member
	classed bool    // members are on circles by the class of their weight
}

const (
	// classBits is how many bits weights of one class differ by at most.
	classBits = 3

	// maxSlope is how many times the mean weight the heaviest member of the
	// only circle may have; of a circle that stays, twice that.
	maxSlope = 1 << classBits
)

// weightClass is the same for weights that differ by less than a factor of
// maxSlope.
func weightClass(weight int) int { return (bits.Len(uint(weight)) - 1) / classBits }

const maxClasses = 64/classBits + 1

func newLayout(members []*pool.Member) *layout {
	l := &layout{
		keys: make([]uint64, len(members)), circle: make([]uint8, len(members)),
		classed: slopeOf(members) > maxSlope,
	}
	var numbers [maxClasses][]uint32
	count := 0 // of circles
	for i, m := range members {
		l.keys[i] = m.Key
		class := 0
		if l.classed {
			class = weightClass(m.Weight)
		}
		if numbers[class] == nil {
			numbers[class] = make([]uint32, 0, len(members))
		}
		l.circle[i] = uint8(class)
		count = max(count, class+1)
		numbers[class] = append(numbers[class], uint32(i))
	}
	l.circles = make([]circle, count)
	for class := range l.circles {
		if len(numbers[class]) > 0 {
			l.circles[class] = newCircle(l.keys, numbers[class])
		}
	}
	return l
}

// slopeOf returns how many times the mean weight the greatest one is.
func slopeOf(members []*pool.Member) uint64 {
	var heaviest, sum uint64
	for _, m := range members {
		heaviest = max(heaviest, uint64(m.Weight))
		sum += uint64(m.Weight)
	}
	return heaviest * uint64(len(members)) / sum
}

// seating is which members of a layout are there.
type seating struct {
	slots    []*pool.Member // by their number in the layout; nil if not there
	weights  []uint32       // of slots; 0 if not there
	heaviest [maxClasses]uint64
	seated   [maxClasses]int
}

func (s *seating) put(number int, m *pool.Member, circle uint8) {
	s.slots[number] = m
	s.weights[number] = uint32(m.Weight)
	s.heaviest[circle] = max(s.heaviest[circle], uint64(m.Weight))
	s.seated[circle]++
}

// seat finds the members in the layout. It is not ok if they are in another
// order, have weights of other classes, or are not all in the layout; nor if
// they are less than half of a circle, on which many points would have to be
// passed over in each pick.
func (l *layout) seat(members []*pool.Member) (s *seating, ok bool) {
	if len(members) > len(l.keys) {
		return nil, false
	}
	s = &seating{slots: make([]*pool.Member, len(l.keys)), weights: make([]uint32, len(l.keys))}
	number := 0
	for _, m := range members {
		for number < len(l.keys) && l.keys[number] != m.Key {
			number++
		}
		if number == len(l.keys) || l.classed && int(l.circle[number]) != weightClass(m.Weight) {
			return nil, false
		}
		s.put(number, m, l.circle[number])
		number++
	}
	for i := range l.circles {
		if 2*s.seated[i]*pointsPerMember < len(l.circles[i].points) {
			return nil, false
		}
	}
	return s, l.classed || slopeOf(members) <= 2*maxSlope
}
