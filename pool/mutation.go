package pool

import (
	"fmt"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// Mutation is a runtime change in the making. It knows what it would make
// different, and leaves the pool's state alone.
type Mutation struct {
	pool    *Pool
	edit    edit
	touched map[string]*Spec // by id; nil: removed
	order   []string         // of touched
	kept    []string         // by a replacement
}

func newMutation(p *Pool) *Mutation {
	return &Mutation{pool: p, touched: make(map[string]*Spec)}
}

// Revision returns the pool's revision before the change.
func (m *Mutation) Revision() uint64 { return m.pool.revision }

// Find returns the backend with the id, as it was before the change.
func (m *Mutation) Find(id string) (Spec, bool) {
	if spec := m.pool.spec(id); spec != nil {
		return *spec, true
	}
	return Spec{}, false
}

// FindAddress returns the backend at the address, as it was before the change.
func (m *Mutation) FindAddress(address config.Address) (Spec, bool) {
	if i, ok := m.pool.byAddress[address]; ok {
		return m.pool.specs[i], true
	}
	return Spec{}, false
}

// set makes spec what the mutation would make of the backend; nil removes it.
func (m *Mutation) set(id string, spec *Spec) {
	if _, known := m.touched[id]; !known {
		m.order = append(m.order, id)
	}
	m.touched[id] = spec
}

// find returns the backend as the mutation would have it so far, or nil.
func (m *Mutation) find(id string) *Spec {
	if spec, touched := m.touched[id]; touched {
		return spec
	}
	return m.pool.spec(id)
}

func (m *Mutation) unknown(id string) error {
	return &Error{Code: CodeUnknownBackend, Message: fmt.Sprintf("pool %q has no backend %q", m.pool.name, id)}
}

// Add adds a backend.
func (m *Mutation) Add(spec Spec) error {
	if m.find(spec.ID) != nil {
		return &Error{Code: CodeDuplicateID, Existing: spec.ID, Message: fmt.Sprintf("backend %q exists already", spec.ID)}
	}
	spec.Source = FromRuntime
	spec.settleDrain(nil, time.Now())
	if def := m.pool.definition(spec.ID); def != nil {
		// it was removed, and comes back: as a change of its definition
		patch := diff(def, &spec)
		spec = patch.Apply(*def)
		m.set(spec.ID, &spec)
		m.setPatch(def, patch)
		return nil
	}
	m.set(spec.ID, &spec)
	m.edit.put(&change{id: spec.ID, added: &spec})
	return nil
}

// Patch changes fields of a backend.
func (m *Mutation) Patch(id string, patch Patch) error {
	was := m.find(id)
	if was == nil {
		return m.unknown(id)
	}
	spec := patch.Apply(*was)
	spec.settleDrain(was, time.Now())
	if diff(was, &spec).empty() {
		return nil
	}
	m.set(id, &spec)
	if def := m.pool.definition(id); def != nil {
		m.setPatch(def, diff(def, &spec))
	} else {
		m.edit.put(&change{id: id, added: &spec})
	}
	return nil
}

// setPatch records what differs from the definition; nothing, if nothing does.
func (m *Mutation) setPatch(def *Spec, patch Patch) {
	if patch.empty() {
		m.edit.drop(def.ID)
		return
	}
	base := *def
	m.edit.put(&change{id: def.ID, patch: patch, base: &base})
}

// Remove removes a backend.
func (m *Mutation) Remove(id string) error {
	if m.find(id) == nil {
		return m.unknown(id)
	}
	m.set(id, nil)
	if def := m.pool.definition(id); def != nil {
		base := *def
		m.edit.put(&change{id: id, removed: true, base: &base})
	} else {
		m.edit.drop(id)
	}
	return nil
}

// Replace makes the pool consist of exactly these backends.
func (m *Mutation) Replace(specs []Spec) error {
	m.kept = []string{} // if it is none, that is known
	wanted := make(map[string]bool, len(specs))
	for i := range specs {
		id := specs[i].ID
		if wanted[id] {
			return &Error{Code: CodeDuplicateID, Existing: id, Message: fmt.Sprintf("backend %q is listed twice", id)}
		}
		wanted[id] = true
	}
	for i := range m.pool.specs {
		if id := m.pool.specs[i].ID; !wanted[id] {
			if err := m.Remove(id); err != nil {
				return err
			}
		}
	}
	for i := range specs {
		if err := m.want(specs[i]); err != nil {
			return err
		}
	}
	return nil
}

// want makes one backend what it is to be, whether it is there or not.
func (m *Mutation) want(spec Spec) error {
	was := m.find(spec.ID)
	if was == nil {
		return m.Add(spec)
	}
	spec.settleDrain(was, time.Now())
	if patch := diff(was, &spec); !patch.empty() {
		return m.Patch(spec.ID, patch)
	}
	m.kept = append(m.kept, spec.ID)
	return nil
}
