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
// tried are picked again only if no other is left. It does not wait, nor does it
// overtake those who do: see [Pool.Wait].
func (p *Pool) Acquire(q *Request) (*Member, error) {
	if p.queue.comesFirst() {
		return nil, p.snap.Load().refusal(q)
	}
	for {
		snap := p.snap.Load()
		m := snap.pick(q)
		switch {
		case m == nil:
			return nil, snap.refusal(q)
		case !m.current() && p.snap.Load() != snap:
			// taken out, or limited, between our look at the snapshot and the
			// pick: whoever did so may rely on it getting nothing more
			m.Release()
			continue
		}
		m.taken()
		return m, nil
	}
}

// refusal returns why there is no slot for the request.
func (s *Snapshot) refusal(q *Request) error {
	if s.accepts() || q.session.away {
		return ErrAllFull
	}
	return ErrNoBackend
}

// current reports whether the newest snapshot offers the backend as well, and
// has room there for the slot that was taken.
func (m *Member) current() bool {
	now := m.member.Load()
	if now != nil && now.gated && (!m.gated || m.trial != now.trial) {
		return false // it was not given the turn
	}
	return now == m || now != nil && now.Index >= 0 && (now.limit <= 0 || now.inFlight.Load() <= now.limit)
}

// taken takes note of a slot that a picker has reserved.
func (m *Member) taken() {
	m.requests.Add(1)
	// tell the picker of a newer snapshot of what was taken through an older one
	if now := m.member.Load(); now != m && now != nil && now.tracker != nil {
		now.tracker.LoadChanged(now)
	}
}

// assigned takes note of a slot that was reserved past the picker.
func (m *Member) assigned(q *Request) {
	m.requests.Add(1)
	m.loadChanged()
	if m.settler != nil {
		m.settler.Settle(q, m)
	}
}

// pick returns a member with a slot reserved for the request, or nil.
func (s *Snapshot) pick(q *Request) *Member {
	if m := s.stick(q); m != nil || q.session.waits {
		return m
	}
	return s.pickAny(q)
}

// pickAny is pick for a request that any backend may serve.
func (s *Snapshot) pickAny(q *Request) *Member {
	m := s.pickUntried(q)
	if m == nil && q.triedCount > 0 {
		q.allowTried = true
		if m = s.stick(q); m == nil {
			m = s.pickUntried(q)
		}
		q.allowTried = false
	}
	return m
}

func (s *Snapshot) pickUntried(q *Request) *Member {
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
	m.count(&o)
	if m.decay > 0 {
		m.observePeak(&o, time.Now())
	}
	if obs := m.pool.observer.Load(); obs != nil {
		(*obs).Observe(m, o)
	}
}
