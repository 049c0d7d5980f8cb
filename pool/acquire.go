package pool

import (
	"errors"
	"time"
)

// ErrNoBackend is returned by Acquire when no backend accepts.
var ErrNoBackend = errors.New("no backend accepts requests")

// ErrAllFull is returned by Acquire when backends accept, but each has as many
// requests as it may have.
var ErrAllFull = errors.New("all accepting backends have reached max_requests")

// Acquire picks a backend for the request and reserves a slot on it, which the
// caller must give back with [Member.Release]. Backends that the request has
// tried are picked again only if no other is left.
func (p *Pool) Acquire(q *Request) (*Member, error) {
	for {
		snap := p.snap.Load()
		m := snap.pick(q)
		if m == nil && q.triedCount > 0 {
			q.allowTried = true
			m = snap.pick(q)
			q.allowTried = false
		}
		switch {
		case m != nil && !m.current() && p.snap.Load() != snap:
			// taken out, or limited, between our look at the snapshot and the
			// pick: whoever did so may rely on it getting nothing more
			m.Release()
			continue
		case m != nil:
			m.requests.Add(1)
			m.tellNewer()
			return m, nil
		case snap.accepts():
			return nil, ErrAllFull
		}
		return nil, ErrNoBackend
	}
}

// current reports whether the newest snapshot offers the backend as well, and
// has room there for the slot that was taken.
func (m *Member) current() bool {
	now := m.member.Load()
	return now == m || now != nil && now.Index >= 0 && (now.limit <= 0 || now.inFlight.Load() <= now.limit)
}

// tellNewer tells the picker of a newer snapshot of a slot that was taken
// through an older one.
func (m *Member) tellNewer() {
	if now := m.member.Load(); now != m && now != nil && now.tracker != nil {
		now.tracker.LoadChanged(now)
	}
}

func (s *Snapshot) pick(q *Request) *Member {
	for i := range s.Tiers {
		if m := s.Tiers[i].Picker.Pick(q); m != nil {
			return m
		}
	}
	return nil
}

// Observe records the outcome of an attempt on m. It does not release m.
func (m *Member) Observe(o Outcome) {
	switch o.Verdict {
	case Failed:
		m.failures.Add(1)
	case Answered:
		m.observeLatency(o.Latency)
	}
	if m.decay > 0 {
		m.observePeak(&o, time.Now())
	}
	if obs := m.pool.observer.Load(); obs != nil {
		(*obs).Observe(m, o)
	}
}
