package pool

import "time"

// apply makes the pool consist of specs, publishes that and tells the monitor.
// late says that backends which are new were added to a pool in service.
func (p *Pool) apply(specs []Spec, late bool, by string) {
	now := time.Now()
	changed := len(specs) != len(p.specs)
	old := make(map[string]Spec, len(p.specs))
	for i, s := range p.specs {
		old[s.ID] = s
		changed = changed || i < len(specs) && specs[i].ID != s.ID
	}
	backends := make(map[string]*Backend, len(specs))
	for _, spec := range specs {
		was, existed := old[spec.ID]
		delete(old, spec.ID)
		if existed && was.equal(spec) {
			backends[spec.ID] = p.backends[spec.ID]
			continue
		}
		changed = true
		backends[spec.ID] = p.backendFor(spec, existed, was, late, now, by)
	}
	for id, spec := range old {
		p.parked = append(p.parked, p.backends[id])
		p.emit(Event{Name: EventRemoved, Backend: id, Address: spec.Address.String(), By: by})
	}
	for _, spec := range specs {
		b := backends[spec.ID]
		b.cond.admin = spec.AdminState
		b.cond.startsDown = p.def.startsDown(spec, b.late)
	}
	p.specs, p.backends = specs, backends
	p.live = make([]*Backend, len(specs))
	for i, spec := range specs {
		p.live[i] = backends[spec.ID]
	}
	if changed {
		p.revision++
	}
	p.publish(now)
	p.watchAll()
	if len(p.claims) <= 1 {
		p.forgetChanges()
		p.closeParked()
	}
}

// backendFor returns the live backend of a spec that is new or has changed.
func (p *Pool) backendFor(spec Spec, existed bool, was Spec, late bool, now time.Time, by string) *Backend {
	if existed && was.Address == spec.Address {
		p.announceChange(was, spec, by)
		return p.backends[spec.ID]
	}
	if existed { // another server under the same id: nothing known of it yet
		p.parked = append(p.parked, p.backends[spec.ID])
		p.announceChange(was, spec, by)
	} else if p.snap.Load().Revision > 0 || late {
		p.emit(Event{Name: EventAdded, Backend: spec.ID, Address: spec.Address.String(), By: by})
	}
	for i, b := range p.parked {
		if b.id == spec.ID && b.address == spec.Address {
			p.parked = append(p.parked[:i:i], p.parked[i+1:]...)
			return b
		}
	}
	return newBackend(spec, late, now)
}
