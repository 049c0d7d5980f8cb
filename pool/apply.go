package pool

import "time"

// apply makes the pool consist of what next has, publishes that and tells the
// monitor. late says that backends which are new were added to a pool in
// service.
func (p *Pool) apply(next merged, late bool, by string) {
	now := time.Now()
	a := application{pool: p, late: late, cold: late || by == ByConfig && p.served, by: by, now: now}
	live := make([]*Backend, len(next.specs))
	kept := 0
	changed := len(next.specs) != len(p.specs)
	for i := range next.specs {
		spec := &next.specs[i]
		at, was := p.was(spec.ID, i)
		if was != nil {
			kept++
		}
		if was != nil && was.equal(spec) {
			live[i] = p.live[at]
			changed = changed || at != i
			continue
		}
		changed = true
		live[i] = a.backendFor(spec, was)
	}
	if kept < len(p.specs) {
		a.parkOthers(next.index)
	}
	for i := range next.specs {
		live[i].wish(&next.specs[i], p.def)
	}
	p.generation++
	p.specs, p.index, p.byAddress, p.live = next.specs, next.index, next.byAddress, live
	if changed {
		p.revision++
	}
	p.planDrains(now)
	p.publish(now)
	p.watchAll()
	if len(p.claims) <= 1 {
		p.forgetChanges()
		p.closeParked()
	}
}

// was returns where the pool has the backend, which may be at the position that
// is expected, and how; nil if it has not.
func (p *Pool) was(id string, expected int) (at int, spec *Spec) {
	if expected < len(p.specs) && p.specs[expected].ID == id {
		return expected, &p.specs[expected]
	}
	at, ok := p.index[id]
	if !ok {
		return 0, nil
	}
	return at, &p.specs[at]
}

// spec returns the backend as the pool has it, or nil.
func (p *Pool) spec(id string) *Spec {
	if i, ok := p.index[id]; ok {
		return &p.specs[i]
	}
	return nil
}

// find returns the live backend with the id, or nil.
func (p *Pool) find(id string) *Backend {
	if i, ok := p.index[id]; ok {
		return p.live[i]
	}
	return nil
}

// wish takes note of what is wanted of the backend.
func (b *Backend) wish(spec *Spec, def *Definition) {
	e := &b.cond.ejection
	switch {
	case b.cond.admin == Maintenance && spec.AdminState != Maintenance:
		e.endTrial()
		*e = ejection{} // it is not what it was
	case def.Ejections.Base <= 0:
		e.endTrial() // nobody would judge it
	}
	b.cond.admin = spec.AdminState
	b.cond.startsDown = def.startsDown(spec, b.late)
}

// application is one call of apply.
type application struct {
	pool *Pool
	late bool
	cold bool // backends which are new are among others that serve already
	by   string
	now  time.Time
}

// backendFor returns the live backend of a spec that is new, or not what it was.
func (a *application) backendFor(spec, was *Spec) *Backend {
	p := a.pool
	if was != nil {
		p.announceChange(was, spec, a.by)
		now := p.find(spec.ID)
		if was.Address == spec.Address {
			return now
		}
		// another server under the same id: nothing known of it yet
		p.park(now, was, a.by)
	} else if p.snap.Load().Revision > 0 || a.late {
		p.emit(Event{Name: EventAdded, Backend: spec.ID, Address: spec.Address.String(), By: a.by})
	}
	if b := p.parked[identity{spec.ID, spec.Address}]; b != nil {
		delete(p.parked, b.identity())
		return b
	}
	return newBackend(spec, a.late, a.cold, a.now)
}

// park puts a backend aside that is not wanted now. It was as the spec says.
func (p *Pool) park(b *Backend, spec *Spec, by string) {
	b.leaves(spec, by)
	if p.parked == nil {
		p.parked = make(map[identity]*Backend)
	}
	p.parked[b.identity()] = b
}

// parkOthers puts aside the backends that are not among the wanted ones.
func (a *application) parkOthers(wanted map[string]int) {
	p := a.pool
	for i := range p.specs {
		if _, stays := wanted[p.specs[i].ID]; stays {
			continue
		}
		p.park(p.live[i], &p.specs[i], a.by)
		p.emit(Event{Name: EventRemoved, Backend: p.specs[i].ID, Address: p.live[i].text, By: a.by})
	}
}
