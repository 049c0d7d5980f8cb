package balancer

import "github.com/caddy-loadbalance/caddy-loadbalance/pool"

// maxSample is how many members a sample can hold without allocating.
const maxSample = 32

// sample draws members at random without drawing any twice, each with a
// probability in proportion to its weight among those that are left.
type sample struct {
	line  *line
	taken [maxSample]uint32 // members that were drawn, ascending
	count int
	width uint64 // of all that were drawn, on the line
}

// more reports whether another member can be drawn.
func (s *sample) more() bool { return s.count < maxSample && s.width < s.line.length }

// draw returns a member that was not drawn before. There must be one more.
func (s *sample) draw(q *pool.Request) int {
	point := uniform(q, s.line.length-s.width)
	// the point is on a line from which those drawn were cut out: put back
	// what was cut out before it
	for _, member := range s.taken[:s.count] {
		start, width := s.line.span(int(member))
		if point < start {
			break
		}
		point += width
	}
	member := s.line.at(point)
	s.take(member)
	return member
}

// take marks a member as drawn. It must not be marked yet.
func (s *sample) take(member int) {
	at := s.count
	for at > 0 && s.taken[at-1] > uint32(member) {
		s.taken[at] = s.taken[at-1]
		at--
	}
	s.taken[at] = uint32(member)
	s.count++
	_, width := s.line.span(member)
	s.width += width
}
