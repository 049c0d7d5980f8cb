package pool

import "time"

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
	Health       Health
	Accepting    bool
	Reason       string // why it does not accept, or ""
	InFlight     int64
	Queued       int64 // requests that wait for this backend alone
	Tunnels      int64
	Requests     uint64
	Failures     uint64
	Latency      time.Duration // smoothed; 0 if unknown
	LastCheck    Check         // At is zero if there was none
	EjectedUntil time.Time     // zero if not ejected
	Since        time.Time     // of its current state
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
		Latency: b.Latency(), LastCheck: b.LastCheck(), Since: b.changedAt,
	}
	state := b.cond.state(now)
	v.Accepting, v.Reason = state == stateUp, b.cond.reason(state)
	if limit := int64(p.def.limit(spec)); v.Accepting && limit > 0 && v.InFlight >= limit {
		v.Accepting, v.Reason = false, "full: max_requests reached"
	}
	if now.Before(b.cond.ejectedUntil) {
		v.EjectedUntil = b.cond.ejectedUntil
	}
	return v
}
