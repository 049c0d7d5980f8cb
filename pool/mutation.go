package pool

import (
	"fmt"
	"time"
)

// mutation is a runtime change in the making. It knows what it would make
// different, and leaves the pool's state alone.
type mutation struct {
	pool    *Pool
	edit    edit
	touched map[string]*Spec // by id; nil: removed
	order   []string         // of touched
}

func newMutation(p *Pool) *mutation {
	return &mutation{pool: p, touched: make(map[string]*Spec)}
}

// set makes spec what the mutation would make of the backend; nil removes it.
func (m *mutation) set(id string, spec *Spec) {
	if _, known := m.touched[id]; !known {
		m.order = append(m.order, id)
	}
	m.touched[id] = spec
}

// find returns the backend as the mutation would have it so far, or nil.
func (m *mutation) find(id string) *Spec {
	if spec, touched := m.touched[id]; touched {
		return spec
	}
	return m.pool.spec(id)
}

func (m *mutation) unknown(id string) error {
	return &Error{Code: CodeUnknownBackend, Message: fmt.Sprintf("pool %q has no backend %q", m.pool.name, id)}
}

func (m *mutation) add(spec Spec) error {
	if m.find(spec.ID) != nil {
		return &Error{Code: CodeDuplicateID, Existing: spec.ID, Message: fmt.Sprintf("backend %q exists already", spec.ID)}
	}
	spec.settleDrain(nil, time.Now())
	m.set(spec.ID, &spec)
	if def := m.pool.definition(spec.ID); def != nil {
		// it was removed, and comes back: as a change of its definition
		m.setPatch(def, diff(def, &spec))
		return nil
	}
	m.edit.put(&change{id: spec.ID, added: &spec})
	return nil
}

func (m *mutation) patch(id string, patch Patch) error {
	was := m.find(id)
	if was == nil {
		return m.unknown(id)
	}
	spec := patch.Apply(*was)
	spec.settleDrain(was, time.Now())
	m.set(id, &spec)
	if def := m.pool.definition(id); def != nil {
		m.setPatch(def, diff(def, &spec))
	} else {
		m.edit.put(&change{id: id, added: &spec})
	}
	return nil
}

// setPatch records what differs from the definition; nothing, if nothing does.
func (m *mutation) setPatch(def *Spec, patch Patch) {
	if patch.empty() {
		m.edit.drop(def.ID)
		return
	}
	base := *def
	m.edit.put(&change{id: def.ID, patch: patch, base: &base})
}

func (m *mutation) remove(id string) error {
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

func (m *mutation) replace(specs []Spec) error {
	wanted := make(map[string]bool, len(specs))
	m.touched = make(map[string]*Spec, len(specs))
	for i := range specs {
		id := specs[i].ID
		if wanted[id] {
			return &Error{Code: CodeDuplicateID, Existing: id, Message: fmt.Sprintf("backend %q is listed twice", id)}
		}
		wanted[id] = true
	}
	for i := range m.pool.specs {
		if id := m.pool.specs[i].ID; !wanted[id] {
			if err := m.remove(id); err != nil {
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
func (m *mutation) want(spec Spec) error {
	was := m.find(spec.ID)
	if was == nil {
		spec.Source = FromRuntime
		return m.add(spec)
	}
	spec.settleDrain(was, time.Now())
	if patch := diff(was, &spec); !patch.empty() {
		return m.patch(spec.ID, patch)
	}
	return nil
}
