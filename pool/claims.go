package pool

import (
	"maps"
	"slices"
)

// claim is the wish of one running config for the pool to be as def says.
type claim struct {
	owner any
	def   *Definition
}

// Seed gives a pool that no running config claims yet something to serve with.
// It changes nothing on a pool that is claimed: that one waits for Commit.
func (p *Pool) Seed(def *Definition) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.claims) == 0 && !p.closed {
		p.install(def)
	}
}

// Commit makes def the pool's definition as wished by owner, whose earlier wish
// is forgotten. Backends which the pool has already keep their state. Until
// Withdraw is called for the definition before, that one can come back whole.
func (p *Pool) Commit(owner any, def *Definition) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dropClaim(owner)
	p.claims = append(p.claims, claim{owner, def})
	p.ended = false
	p.install(def)
	p.served = true
	p.tidy()
}

// Withdraw takes back owner's wish. If it was in force, the one before it is
// again; if there is none, the pool serves on as it is, unwatched, for the
// requests that are still using it.
func (p *Pool) Withdraw(owner any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.def
	if !p.dropClaim(owner) {
		return
	}
	if n := len(p.claims); n == 0 {
		p.ended = true
		p.watchNothing()
		if !p.snap.Load().accepts() {
			p.queue.close() // nothing will ever bring up a backend
		}
	} else if top := p.claims[n-1].def; top != before {
		p.install(top)
	}
	p.tidy()
}

func (p *Pool) dropClaim(owner any) bool {
	for i := range p.claims {
		if p.claims[i].owner == owner {
			p.claims = append(p.claims[:i:i], p.claims[i+1:]...)
			return true
		}
	}
	return false
}

// install puts a definition in force.
func (p *Pool) install(def *Definition) {
	if def.Discovery != p.def.Discovery {
		found, asked := p.found[def.Discovery]
		if asked || def.Discovery == "" {
			p.discovered = found
		} // else what the source before has found serves until the new one was asked
	}
	if p.def != def {
		p.listed = addressesOf(def.Backends)
	}
	p.def = def
	p.define()
	p.observer.Store(nil)
	if def.Observer != nil {
		p.observer.Store(&def.Observer)
	}
	p.queue.configure(def.Queue)
	p.budget.rule.Store(newBudgetRule(def.RetryBudget))
	p.useTransports(def.Transports)
	p.apply(p.merge(), false, ByConfig)
}

// define takes note of what config and discovery define.
func (p *Pool) define() {
	p.defs, p.defined = definitions(p.def.Backends, p.discovered), nil
}

// definition returns what config or discovery say of the backend, or nil.
func (p *Pool) definition(id string) *Spec {
	if p.defined == nil {
		p.defined = make(map[string]int, len(p.defs))
		for i := range p.defs {
			p.defined[p.defs[i].ID] = i
		}
	}
	if i, ok := p.defined[id]; ok {
		return &p.defs[i]
	}
	return nil
}

// merge returns the backends that definitions and runtime changes amount to.
func (p *Pool) merge() merged {
	m := p.changes.merge(p.defs, p.listed)
	p.gaveWay = m.gaveWay
	return m
}

// amend returns what merge does, for a mutation that leaves all backends where
// they are and so cannot have anything give way. It takes over what it can.
func (p *Pool) amend(m *Mutation) (next merged, ok bool) {
	if len(p.gaveWay) > 0 {
		return next, false
	}
	for _, spec := range m.touched {
		if spec == nil || !p.staysAt(spec) {
			return next, false
		}
	}
	next = merged{specs: slices.Clone(p.specs), index: p.index, byAddress: p.byAddress}
	for id := range m.touched {
		spec := &next.specs[p.index[id]]
		restricted := spec.restricted
		switch ch, def := p.changes.find(id), p.definition(id); {
		case def == nil:
			*spec = *ch.added
		case ch == nil:
			*spec = *def
		default:
			*spec, _, _ = ch.applyTo(def)
		}
		spec.restricted = restricted
	}
	return next, true
}

// forgetChanges drops, and tells of, runtime changes that gave way. As long as
// the document has them, they come back with it, to give way again.
func (p *Pool) forgetChanges() {
	if len(p.gaveWay) == 0 {
		return
	}
	for _, y := range p.gaveWay {
		if p.tells(p.changes.find(y.id)) {
			p.emit(Event{Name: EventYielded, Backend: y.id, Reason: y.reason})
		}
	}
	p.changes.forget(p.gaveWay)
	p.gaveWay = nil
	p.generation++
}

// tells notes that people are told that the change gave way, and reports
// whether that is news.
func (p *Pool) tells(ch *change) bool {
	if ch == nil || p.document.number == 0 {
		return true
	}
	text, err := ch.encoded()
	if err != nil || p.told[ch.id] == string(text) {
		return err != nil
	}
	if p.told == nil {
		p.told = make(map[string]string)
	}
	p.told[ch.id] = string(text)
	return true
}

// useTransports makes the set of transports that maker made before, or would
// have made the same, the one in use.
func (p *Pool) useTransports(maker Transports) {
	if p.transports != nil && same(p.transports.maker, maker) {
		return
	}
	if p.transports != nil {
		p.oldSets = append(p.oldSets, p.transports)
	}
	for i, set := range p.oldSets {
		if same(set.maker, maker) {
			p.transports = set
			p.oldSets = append(p.oldSets[:i:i], p.oldSets[i+1:]...)
			return
		}
	}
	p.transports = newTransportSet(maker)
}

func same(a, b Transports) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Equal(b)
}

// tidy gives up what was kept for a claim that might have come back, once there
// is none.
func (p *Pool) tidy() {
	if len(p.claims) > 1 {
		return
	}
	p.forgetChanges()
	p.closeParked()
	for _, set := range p.oldSets {
		set.closeAll()
	}
	p.oldSets = nil
	maps.DeleteFunc(p.found, func(source string, _ []Spec) bool { return source != p.def.Discovery })
}

func (p *Pool) closeParked() {
	for _, b := range p.parked {
		b.left()
		p.transports.drop(b)
		for _, set := range p.oldSets {
			set.drop(b)
		}
	}
	p.parked = nil
}
