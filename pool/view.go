package pool

import (
	"fmt"
	"time"
)

// View is the state of a pool at one moment, for people and the admin API.
type View struct {
	Name           string
	Revision       uint64
	Retries        uint64 // attempts after the first one of a request
	RetriesRefused uint64 // those that the retry budget had no room for
	Queue          QueueView
	Backends       []BackendView
}

// BackendView is the state of a backend at one moment.
type BackendView struct {
	Spec
	State        string // in a word, of all of what follows
	Health       Health
	Accepting    bool
	Reason       string // why it does not accept, or not as others do; or ""
	InFlight     int64
	Queued       int64 // requests that wait for this backend alone
	Tunnels      int64
	Requests     uint64
	Failures     uint64
	Latency      time.Duration // smoothed; 0 if unknown
	PeakLatency  time.Duration // what a policy that goes by latency goes by; 0 if none does
	LastCheck    Check         // At is zero if there was none
	EjectedUntil time.Time     // zero if not ejected
	LastSession  time.Time     // when a client came whose session belongs to it; zero for never
	Ejections    int           // in a row; each doubles the time of the next
	Since        time.Time     // of its current state
	Draining     *DrainView    // nil if it does not drain

	// EffectiveWeight is less than Weight until SlowStartUntil, which is zero
	// if the backend does not start slowly.
	EffectiveWeight float64
	SlowStartUntil  time.Time
}

// View returns the pool's current state.
func (p *Pool) View() View {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	v := View{
		Name: p.name, Revision: p.revision,
		Retries: p.budget.made.Load(), RetriesRefused: p.budget.refused.Load(),
		Backends: make([]BackendView, len(p.specs)),
	}
	var own map[*Backend]int64
	v.Queue, own = p.queue.view(now)
	for i := range p.specs {
		v.Backends[i] = p.viewBackend(i, now)
		v.Backends[i].Queued = own[p.live[i]]
	}
	return v
}

// ViewBackend returns the current state of one backend, and the pool's
// revision.
func (p *Pool) ViewBackend(id string) (BackendView, uint64, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i, ok := p.index[id]
	if !ok {
		return BackendView{}, p.revision, false
	}
	now := time.Now()
	v := p.viewBackend(i, now)
	_, own := p.queue.view(now)
	v.Queued = own[p.live[i]]
	return v, p.revision, true
}

func (p *Pool) viewBackend(i int, now time.Time) BackendView {
	spec, b := &p.specs[i], p.live[i]
	v := BackendView{
		Spec: *spec, Health: b.cond.health,
		InFlight: b.inFlight.Load(), Tunnels: b.tunnels.Load(),
		Requests: b.requests.Load(), Failures: b.failures.Load(),
		Latency: b.Latency(), LastCheck: b.LastCheck(), LastSession: b.lastSession(), Since: b.changedAt,
	}
	v.Draining = p.viewDrain(b, spec, now)
	state := b.cond.state(now)
	v.State, v.Accepting, v.Reason = string(state), state.accepts(), b.cond.reason(state)
	v.Ejections = b.cond.ejection.levelAt(now, max(p.def.Ejections.Base, 1))
	if b.cond.ejection.out(now) {
		v.EjectedUntil = b.cond.ejection.until
	}
	v.addMember(b.member.Load(), p.snap.Load(), now)
	return v
}

// addMember adds what requests go by, which is some milliseconds old.
func (v *BackendView) addMember(m *Member, snap *Snapshot, now time.Time) {
	if m == nil {
		return
	}
	if m.decay > 0 {
		ns, _ := m.Peak(now, m.decay)
		v.PeakLatency = time.Duration(ns)
	}
	if !v.Accepting && snap.HealthIgnored && m.Index >= 0 {
		v.Reason += "; serves all the same, as no backend is up"
	}
	switch {
	case v.Accepting && m.limit > 0 && v.InFlight >= m.limit:
		v.Accepting, v.Reason = false, "full: max_requests reached"
		if m.warmth < m.warmest {
			v.Reason = fmt.Sprintf("full: the %d requests reached that max_requests allows during slow start", m.limit)
		}
	case v.State == string(stateProbing) && m.gated && !m.trial.open():
		v.Accepting = false // the reason is what it was
	}
	if until := m.cameIn.Add(m.pool.def.SlowStart); v.State == string(stateUp) && m.warmth < m.warmest && now.Before(until) {
		v.SlowStartUntil = until
		v.EffectiveWeight = float64(v.Weight) * float64(m.warmth) / float64(m.warmest)
	}
}
