package pool

import (
	"slices"
	"time"
)

// SetHealth records what health checks found of a backend. reason says why it
// is down; it is shown to people. The change reaches requests within a few
// milliseconds. A backend that is no longer in the pool is left alone.
func (p *Pool) SetHealth(b *Backend, h Health, reason string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.find(b.id) != b || (b.cond.health == h && b.cond.healthReason == reason) {
		return
	}
	flipped := b.cond.health != h
	b.cond.health, b.cond.healthReason = h, reason
	if flipped {
		p.publishSoon()
	}
	if flipped && b.drain.phase == draining {
		p.tendAt(time.Now(), time.Now()) // its sessions go, or come back
	}
}

// SetDiscovered makes specs the backends that a source of discovery has found;
// none, if it was asked in vain. They serve if the source is that of the
// definition in force, and are kept for later if it is that of another claim.
func (p *Pool) SetDiscovered(discovery string, specs []Spec) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || discovery == "" || !p.discovers(discovery) {
		return
	}
	first := len(p.found[discovery]) == 0
	p.found[discovery] = specs
	if p.def.Discovery != discovery {
		return
	}
	p.discovered = specs
	p.define()
	next := p.merge()
	p.apply(next, !first && p.staysUp(next), ByDiscovery)
}

// staysUp reports whether any of the backends that requests go to now is among
// the next ones. If not, those which are new cannot wait to be probed: there
// would be nobody to serve until then.
func (p *Pool) staysUp(next merged) bool {
	now := time.Now()
	for i := range next.specs {
		spec := &next.specs[i]
		b := p.find(spec.ID)
		if b != nil && b.address == spec.Address && b.cond.state(now).accepts() {
			return true
		}
	}
	return false
}

// discovers reports whether the pool has the source, or may get it back.
func (p *Pool) discovers(source string) bool {
	return p.def.Discovery == source ||
		slices.ContainsFunc(p.claims, func(c claim) bool { return c.def.Discovery == source })
}
