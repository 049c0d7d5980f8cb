package balancer

import (
	"fmt"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

const (
	// peakFloor is added to all times to answer, in nanoseconds: what a
	// network and a scheduler make of two backends that both answer in no
	// time says nothing about them.
	peakFloor = float64(time.Millisecond)

	// peakMargin is how many times the cost of the other the member drawn
	// first may have. Without it, chance would decide between equals, and not
	// their weights.
	peakMargin = 1.25
)

// sooner draws two members and picks the one that has less cost:
//
//	(time to answer + floor) * (1 + requests in flight / share)
//
// where the share is the member's weight in relation to the mean of all. Among
// members of one weight that is the cost of Finagle's PeakEwma, time * (requests
// in flight + 1). With others, what counts on top of the request to come is in
// relation to the weight, but not that request: members without any are drawn as
// often as their weight says, and are to be picked as often.
type sooner struct {
	members []*pool.Member
	line    *line
	mean    float64 // of weights
	decay   time.Duration
}

// Decay implements pool.Paced.
func (s *sooner) Decay() time.Duration { return s.decay }

// Pick implements pool.Picker.
func (s *sooner) Pick(q *pool.Request) *pool.Member {
	drawn := sample{line: s.line}
	var now time.Time
	for drawn.more() {
		first, second := s.draw(q, &drawn), s.draw(q, &drawn)
		if second != nil {
			if now.IsZero() {
				now = time.Now()
			}
			if s.worse(first, second, now) {
				first, second = second, first
			}
		}
		if first != nil && q.Take(first) {
			return first
		}
		if second != nil && q.Take(second) {
			return second
		}
	}
	if drawn.count == len(s.members) {
		return nil
	}
	return offerShuffled(q, s.members)
}

// draw returns a member that was not drawn before and has room, or nil.
func (s *sooner) draw(q *pool.Request, drawn *sample) *pool.Member {
	for drawn.more() {
		if m := s.members[drawn.draw(q)]; !m.Full() {
			return m
		}
	}
	return nil
}

// worse reports whether a costs so much more than b that it is not picked
// though it was drawn first.
func (s *sooner) worse(a, b *pool.Member, now time.Time) bool {
	left, leftKnown := a.Peak(now, s.decay)
	right, rightKnown := b.Peak(now, s.decay)
	// one of which nothing is known is not free, nor is it slow: requests in
	// flight decide, so it gets no more than it can answer
	if !leftKnown {
		left = max(left, right)
	}
	if !rightKnown {
		right = max(right, left)
	}
	return (left+peakFloor)*s.load(a) > peakMargin*(right+peakFloor)*s.load(b)
}

func (s *sooner) load(m *pool.Member) float64 {
	return 1 + float64(max(m.InFlight(), 0))*s.mean/float64(m.Weight)
}

// Rehearse implements pool.Rehearser: chance has no memory.
func (s *sooner) Rehearse() pool.Rehearsal { return s }

// Explain implements pool.Rehearsal.
func (s *sooner) Explain(q *pool.Request, chosen *pool.Member) pool.Account {
	now := time.Now()
	list := standings(s.members, chosen, func(m *pool.Member) string {
		if s.worse(m, chosen, now) {
			return fmt.Sprintf("not drawn this time, or not as good: %s, against %s", s.show(m, now), s.show(chosen, now))
		}
		return fmt.Sprintf("%s: %s", notDrawn, s.show(m, now))
	})
	shareByDraws(list, q, s.Pick)
	return pool.Account{
		Reason:   fmt.Sprintf("the better of two that were drawn by chance: %s; the next draw may differ", s.show(chosen, now)),
		ByChance: true, Members: list,
	}
}

// show shows what a member's cost is made of.
func (s *sooner) show(m *pool.Member, now time.Time) string {
	ns, known := m.Peak(now, s.decay)
	if !known {
		return "never answered yet, " + showLoad(m, 0)
	}
	return fmt.Sprintf("answers in %.3g ms, %s, a cost of %.3g ms", ns/1e6, showLoad(m, 0), (ns+peakFloor)*s.load(m)/1e6)
}

// Interface guards
var (
	_ pool.Paced     = (*sooner)(nil)
	_ pool.Rehearser = (*sooner)(nil)
)
