package pool

import (
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/metrics"
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

	// Number grows with every snapshot of the pool.
	Number uint64

	// HealthIgnored says that no backend accepts because of its health, and
	// that requests go to all of them nevertheless.
	HealthIgnored bool

	// Replaced is closed when a newer snapshot has been published.
	Replaced chan struct{}

	sessions Sessions // nil: clients are not kept with their backends
	policy   string   // its name
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

	// Weight is the backend's share of the load in relation to those of the
	// other members of its tier in the same snapshot, at least 1. While one
	// of these starts slowly, it is a multiple of the configured weight.
	Weight int

	// Key is a hash of the backend's id: the same in all processes, for
	// policies that hash requests to backends.
	Key uint64

	// Accepting says whether the backend takes new requests, as far as its
	// state is concerned; Reason says why not, or why few.
	Accepting bool
	Reason    string

	// Transport carries requests to the backend.
	Transport Transport

	number  int   // in Members of its snapshot
	limit   int64 // of requests in flight; 0: none
	state   state
	up      bool           // nothing that health checks have seen keeps it out
	times   *metrics.Times // those of all if the pool is a large one
	trial   *trial         // it is returning from an ejection; nil: it is not
	gated   bool           // the trial is of one request at a time
	warmth  uint8          // of fullWarmth
	warmest uint8          // warmth of the warmest of the tier
	drains  bool           // takes no new clients, but those that it has
	tracker LoadTracker
	decay   time.Duration // of the backend's peak; 0: nobody goes by it
	settler Settler
	pool    *Pool
}

// Full reports whether the backend has as many requests as it may have.
func (m *Member) Full() bool {
	return m.limit > 0 && m.inFlight.Load() >= m.limit || m.gated && !m.trial.open() || m.justEjected()
}

// justEjected reports whether the backend was ejected since the snapshot was
// made. The next one takes some milliseconds.
func (m *Member) justEjected() bool { return m.Accepting && m.ejected.Load() }

// Pool returns the pool that the member belongs to.
func (m *Member) Pool() *Pool { return m.pool }

// Number returns the position of the member among all of its snapshot.
func (m *Member) Number() int { return m.number }

func (m *Member) reserve(limit int64) bool {
	if m.justEjected() {
		return false
	}
	if !m.gated {
		return m.Backend.reserve(limit)
	}
	if !m.trial.enter() {
		return false
	}
	if !m.Backend.reserve(limit) {
		m.trial.leave()
		return false
	}
	return true
}

// Release gives back the slot that was reserved by the pick. It must be called
// exactly once for each.
func (m *Member) Release() {
	m.free()
	if m.pool.queue.awaits(m.Backend) {
		m.pool.offer(m.Backend)
	}
}

// free is Release without a look at who waits for the slot.
func (m *Member) free() {
	if m.inFlight.Add(-1) == 0 && m.emptying.Load() {
		m.pool.emptied(m.Backend)
	}
	if m.gated {
		m.trial.leave()
	}
	m.loadChanged()
}

// loadChanged tells the picker of the backend's changed load: the one in use
// now, to which it matters, and not the one that picked.
func (m *Member) loadChanged() {
	if cur := m.member.Load(); cur != nil && cur.tracker != nil {
		cur.tracker.LoadChanged(cur)
	}
}

// backend returns the member's backend, nil if there is no member.
func (m *Member) backend() *Backend {
	if m == nil {
		return nil
	}
	return m.Backend
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
