package pool

import (
	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// yielded is a runtime change, or a part of one, that gave way to the config.
type yielded struct {
	id     string
	reason string
	patch  Patch // what remains of a patch; empty: the change is dropped
}

// definitions returns what config and discovery define together: a server that
// is discovered, and listed as well, is as it is listed.
func definitions(fromConfig, discovered []Spec) []Spec {
	if len(discovered) == 0 {
		return fromConfig
	}
	ids := make(map[string]bool, len(fromConfig)+len(discovered))
	addresses := make(map[config.Address]bool, len(fromConfig)+len(discovered))
	defs := make([]Spec, 0, len(fromConfig)+len(discovered))
	for _, list := range [][]Spec{fromConfig, discovered} {
		for i := range list {
			if def := &list[i]; !ids[def.ID] && !addresses[def.Address] {
				ids[def.ID], addresses[def.Address] = true, true
				defs = append(defs, *def)
			}
		}
	}
	return defs
}

func addressesOf(specs []Spec) map[config.Address]bool {
	set := make(map[config.Address]bool, len(specs))
	for i := range specs {
		set[specs[i].Address] = true
	}
	return set
}

// merged is what definitions and runtime changes amount to.
type merged struct {
	specs     []Spec
	index     map[string]int         // in specs, by id
	byAddress map[config.Address]int // in specs
	gaveWay   []yielded
}

// merger puts definitions and runtime changes together.
type merger struct {
	merged
	changes   *changes
	home      []*config.Address // where the definitions of specs have them
	gaveIndex map[string]int    // by id, in gaveWay
}

// merge returns the backends that the definitions and the runtime changes
// amount to. A change holds as long as the definition that it was made against
// is the same; what changed in the definition since then wins over it, field by
// field, and is returned as yielded. listed are the addresses in the config.
func (c *changes) merge(defs []Spec, listed map[config.Address]bool) merged {
	size := len(defs) + c.count()
	m := &merger{changes: c, home: make([]*config.Address, 0, size), gaveIndex: make(map[string]int)}
	m.specs = make([]Spec, 0, size)
	m.index, m.byAddress = make(map[string]int, size), make(map[config.Address]int, size)
	for i := range defs {
		m.define(&defs[i])
	}
	for _, ch := range c.list {
		if ch != nil && ch.added != nil {
			m.add(ch.added)
		}
	}
	m.restrict(listed)
	return m.merged
}

// define adds what the runtime changes have made of a definition.
func (m *merger) define(def *Spec) {
	ch := m.changes.find(def.ID)
	if ch == nil {
		m.put(def, &def.Address)
		return
	}
	spec, keep, y := ch.applyTo(def)
	if y != nil {
		m.yield(*y)
	}
	if keep {
		m.put(&spec, &def.Address)
	}
}

// put adds a backend whose id is free. Definitions differ in their addresses,
// so where two backends come together, one was moved there at runtime. That one
// goes home, which may be taken by yet another one that was moved.
func (m *merger) put(spec *Spec, home *config.Address) {
	i := len(m.specs)
	m.specs, m.home = append(m.specs, *spec), append(m.home, home)
	m.index[spec.ID] = i
	for {
		address := m.specs[i].Address
		j, taken := m.byAddress[address]
		if !taken {
			m.byAddress[address] = i
			return
		}
		if m.specs[j].Address != *m.home[j] {
			m.byAddress[address] = i
			i = j
		}
		m.sendHome(i)
	}
}

// sendHome takes back the address that the backend was given at runtime.
func (m *merger) sendHome(i int) {
	m.specs[i].Address = *m.home[i]
	id := m.specs[i].ID
	if k, said := m.gaveIndex[id]; said {
		m.gaveWay[k].patch.Address = nil
		return
	}
	rest := m.changes.find(id).patch
	rest.Address = nil
	m.yield(yielded{id: id, reason: "the address that it was given at runtime is now that of another backend", patch: rest})
}

// add adds a backend that was added at runtime.
func (m *merger) add(spec *Spec) {
	_, addressTaken := m.byAddress[spec.Address]
	_, idTaken := m.index[spec.ID]
	if !addressTaken && !idTaken {
		m.index[spec.ID], m.byAddress[spec.Address] = len(m.specs), len(m.specs)
		m.specs, m.home = append(m.specs, *spec), append(m.home, &spec.Address)
		return
	}
	if _, said := m.gaveIndex[spec.ID]; !said { // or applyTo has
		m.yield(yielded{id: spec.ID, reason: "its id or address is now taken by another backend"})
	}
}

func (m *merger) yield(y yielded) {
	m.gaveIndex[y.id] = len(m.gaveWay)
	m.gaveWay = append(m.gaveWay, y)
}

// restrict marks the backends whose address came in at runtime. The config may
// list any address, and what it lists may come back; discovery is the config's.
func (m *merger) restrict(listed map[config.Address]bool) {
	for i := range m.specs {
		s := &m.specs[i]
		s.restricted = (s.Source == FromRuntime || s.Address != *m.home[i]) && !listed[s.Address]
	}
}

// applyTo returns what a change makes of a definition, and whether the backend
// is still there.
func (ch *change) applyTo(def *Spec) (spec Spec, keep bool, y *yielded) {
	switch {
	case ch.added != nil:
		return *def, true, &yielded{id: ch.id, reason: "the config defines the backend now"}
	case ch.removed:
		if ch.base.equal(def) {
			return Spec{}, false, nil
		}
		return *def, true, &yielded{id: ch.id, reason: "the backend was removed at runtime, and the config has changed its definition since"}
	}
	rest, lost := ch.patch.against(ch.base, def)
	if lost {
		y = &yielded{id: ch.id, reason: "the config has changed what was changed at runtime", patch: rest}
	}
	return rest.Apply(*def), true, y
}

// against returns the fields of the patch whose definition is the same in base
// and def, and whether any field was lost.
func (p Patch) against(base, def *Spec) (rest Patch, lost bool) {
	changed := diff(base, def)
	rest = p
	lost = yieldField(&rest.Address, changed.Address) || lost
	lost = yieldField(&rest.Weight, changed.Weight) || lost
	lost = yieldField(&rest.Priority, changed.Priority) || lost
	lost = yieldField(&rest.MaxRequests, changed.MaxRequests) || lost
	lost = yieldField(&rest.AdminState, changed.AdminState) || lost
	lost = yieldField(&rest.Drain, changed.AdminState) || lost // a part of it
	if rest.Labels != nil && changed.Labels != nil {
		rest.Labels, lost = nil, true
	}
	return rest, lost
}

func yieldField[T, C any](field **T, changed *C) bool {
	if *field == nil || changed == nil {
		return false
	}
	*field = nil
	return true
}
