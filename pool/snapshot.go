package pool

import (
	"cmp"
	"slices"
	"time"
)

// Snapshot is the immutable view of a pool that requests read.
type Snapshot struct {
	// Pool is the pool's name.
	Pool string

	// Revision is the pool's revision when the snapshot was made.
	Revision uint64

	// Members are all backends, in the order of the config, then of their
	// addition.
	Members []*Member

	// Tiers hold the accepting members by ascending priority.
	Tiers []Tier

	// Replaced is closed when a newer snapshot has been published.
	Replaced chan struct{}

	sessions Sessions // nil: clients are not kept with their backends
}

// Tier is a set of accepting members of one priority, and their picker.
type Tier struct {
	Priority int
	Members  []*Member
	Picker   Picker
}

// Member is a backend as one snapshot sees it.
type Member struct {
	*Backend

	// Spec is what the backend is wanted to be. It must not be changed.
	Spec *Spec

	// Index is the member's position in its tier; -1 if it does not accept.
	Index int

	// Weight is the backend's weight, at least 1.
	Weight int

	// Key is a hash of the backend's id: the same in all processes, for
	// policies that hash requests to backends.
	Key uint64

	// Accepting says whether the backend takes new requests, as far as its
	// state is concerned; Reason says why not.
	Accepting bool
	Reason    string

	// Transport carries requests to the backend.
	Transport Transport

	number  int   // in Members of its snapshot
	limit   int64 // of requests in flight; 0: none
	drains  bool  // takes no new clients, but those that it has
	tracker LoadTracker
	pool    *Pool
}

// Full reports whether the backend has as many requests as it may have.
func (m *Member) Full() bool { return m.limit > 0 && m.inFlight.Load() >= m.limit }

// Pool returns the pool that the member belongs to.
func (m *Member) Pool() *Pool { return m.pool }

// Number returns the position of the member among all of its snapshot.
func (m *Member) Number() int { return m.number }

func (m *Member) reserve() bool { return m.Backend.reserve(m.limit) }

// Release gives back the slot that was reserved by the pick. It must be called
// exactly once for each.
func (m *Member) Release() {
	m.inFlight.Add(-1)
	// the load matters to the picker in use now, not to the one that picked
	if cur := m.member.Load(); cur != nil && cur.tracker != nil {
		cur.tracker.LoadChanged(cur)
	}
}

// accepts reports whether any backend accepts.
func (s *Snapshot) accepts() bool { return len(s.Tiers) > 0 }

// Find returns the member with the id, or nil. It is not for the hot path.
func (s *Snapshot) Find(id string) *Member {
	for _, m := range s.Members {
		if m.id == id {
			return m
		}
	}
	return nil
}

// survey is what a look at all backends finds besides the snapshot.
type survey struct {
	turned []*Backend // whose state is not the one last announced
	next   time.Time  // when the next ejection ends; zero if there is none
}

// buildSnapshot makes the snapshot of p's current state. The pool's mutex is
// held.
func (p *Pool) buildSnapshot(prev *Snapshot, now time.Time) (*Snapshot, survey) {
	s := &Snapshot{
		Pool: p.name, Revision: p.revision, Members: make([]*Member, len(p.specs)),
		Replaced: make(chan struct{}),
	}
	var seen survey
	block := make([]Member, len(p.specs)) // one allocation for all
	accepting := make([]*Member, 0, len(p.specs))
	for i := range p.specs {
		b, spec, m := p.live[i], &p.specs[i], &block[i]
		s.Members[i] = m
		m.Backend, m.Spec, m.pool, m.number = b, spec, p, i
		m.Index, m.Weight, m.Key = -1, max(spec.Weight, 1), b.key
		m.Transport, m.limit = p.transports.get(b, spec.restricted), int64(p.def.limit(spec))
		state := b.cond.state(now)
		m.Accepting, m.Reason = state == stateUp, b.cond.reason(state)
		m.drains = b.cond.drains(now)
		if m.Accepting {
			accepting = append(accepting, m)
		}
		seen.look(b, state, now)
	}
	if len(accepting) == 0 && p.def.IgnoreHealthWhenAllDown {
		for _, m := range s.Members {
			if m.cond.acceptingDespiteHealth() {
				accepting = append(accepting, m)
			}
		}
	}
	s.Tiers, s.sessions = p.buildTiers(prev, accepting), p.newSessions(prev)
	return s, seen
}

func (v *survey) look(b *Backend, is state, now time.Time) {
	if is != b.announced {
		v.turned = append(v.turned, b)
	}
	if until := b.cond.ejectedUntil; until.After(now) && (v.next.IsZero() || until.Before(v.next)) {
		v.next = until
	}
}

func (p *Pool) buildTiers(prev *Snapshot, accepting []*Member) []Tier {
	if len(accepting) == 0 {
		return nil
	}
	byPriority := func(a, b *Member) int { return cmp.Compare(a.Spec.Priority, b.Spec.Priority) }
	if !slices.IsSortedFunc(accepting, byPriority) {
		slices.SortStableFunc(accepting, byPriority)
	}
	var tiers []Tier
	for start := 0; start < len(accepting); {
		end := start + 1
		for end < len(accepting) && accepting[end].Spec.Priority == accepting[start].Spec.Priority {
			end++
		}
		members := accepting[start:end:end]
		for i, m := range members {
			m.Index = i
		}
		tier := Tier{Priority: members[0].Spec.Priority, Members: members}
		tier.Picker = p.def.Policy.NewPicker(members, prev.picker(tier.Priority))
		if tracker, ok := tier.Picker.(LoadTracker); ok {
			for _, m := range members {
				m.tracker = tracker
			}
		}
		tiers = append(tiers, tier)
		start = end
	}
	return tiers
}

// picker returns the picker of the tier with the priority, or nil.
func (s *Snapshot) picker(priority int) Picker {
	if s == nil {
		return nil
	}
	for i := range s.Tiers {
		if s.Tiers[i].Priority == priority {
			return s.Tiers[i].Picker
		}
	}
	return nil
}
