package pool

import (
	"fmt"
	"slices"
)

// rehearsal makes a request one that only asks what would become of it: it
// goes the way of a real one, but reserves nothing and leaves no trace.
type rehearsal struct {
	// bounds are how many requests pickers would have let a backend have, where
	// they have offered it the request for no more than that.
	bounds map[*Backend]int64

	// silent is set when a picker would have picked somebody, but cannot say
	// whom.
	silent bool
}

// bound notes the bound of a picker.
func (r *rehearsal) bound(m *Member, most int64) {
	if r.bounds == nil {
		r.bounds = make(map[*Backend]int64)
	}
	r.bounds[m.Backend] = most
}

// Rehearsed reports whether the request only asks what would become of it.
// Whoever decides on it must not change anything then.
func (q *Request) Rehearsed() bool { return q.rehearsal != nil }

// rehearse returns the snapshot with pickers that can be asked without effect.
func (s *Snapshot) rehearse() *Snapshot {
	rehearsed := *s
	rehearsed.Tiers = slices.Clone(s.Tiers)
	for i := range rehearsed.Tiers {
		tier := &rehearsed.Tiers[i]
		tier.Picker = rehearsalOf(tier)
	}
	return &rehearsed
}

func rehearsalOf(tier *Tier) Picker {
	if r, ok := tier.Picker.(Rehearser); ok {
		if rehearsal := r.Rehearse(); rehearsal != nil {
			return rehearsal
		}
	}
	return silent(tier.Members)
}

// silent stands for a picker that cannot be asked.
type silent []*Member

// Pick implements Picker.
func (members silent) Pick(q *Request) *Member {
	q.rehearsal.silent = q.rehearsal.silent || slices.ContainsFunc(members, q.Take)
	return nil
}

// refusal is why a member would not take a request.
type refusal uint8

const (
	refusedNot refusal = iota
	refusedTried
	refusedAwaited
	refusedEjected
	refusedOnTrial
	refusedFull
)

// refusal returns why m would not take the request, if it may have that many.
// It is what take finds out by trying.
func (q *Request) refusal(m *Member, limit int64) refusal {
	switch {
	case q.triedCount > 0 && !q.allowTried && q.Tried(m.Backend):
		return refusedTried
	case m.awaitedBefore(q.ticket):
		return refusedAwaited
	case m.justEjected():
		return refusedEjected
	case m.gated && !m.trial.open():
		return refusedOnTrial
	case limit > 0 && m.inFlight.Load() >= limit:
		return refusedFull
	}
	return refusedNot
}

// reason says of a member that it refuses.
func (r refusal) reason(m *Member) string {
	switch r {
	case refusedTried:
		return "the request has been there before"
	case refusedAwaited:
		return "full: requests wait for it whose sessions belong to it"
	case refusedEjected:
		return "ejected just now"
	case refusedOnTrial:
		return "returning: another request is trying it out"
	case refusedFull:
		if m.warmth < m.warmest {
			return fmt.Sprintf("full: %d in flight, and slow start allows %d of max_requests", m.inFlight.Load(), m.limit)
		}
		return fmt.Sprintf("full: %d in flight, and max_requests is %d", m.inFlight.Load(), m.limit)
	}
	return ""
}
