package pool

import (
	"fmt"
	"slices"
)

// mutation is a runtime change in the making, on copies of the pool's state.
type mutation struct {
	pool    *Pool
	edit    *edit
	specs   []Spec // those without an id are gone
	index   map[string]int
	defined map[string]Spec // by config or discovery; made when needed
}

func newMutation(p *Pool) *mutation {
	m := &mutation{pool: p, edit: p.changes.edit(), specs: slices.Clone(p.specs), index: make(map[string]int, len(p.specs))}
	for i := range m.specs {
		m.index[m.specs[i].ID] = i
	}
	return m
}

// result returns the backends that the mutation has come to.
func (m *mutation) result() []Spec {
	return slices.DeleteFunc(slices.Clone(m.specs), func(s Spec) bool { return s.ID == "" })
}

func (m *mutation) current(id string) (Spec, error) {
	if i, ok := m.index[id]; ok {
		return m.specs[i], nil
	}
	return Spec{}, &Error{Code: CodeUnknownBackend, Message: fmt.Sprintf("pool %q has no backend %q", m.pool.name, id)}
}

// definition returns what config or discovery say of the backend.
func (m *mutation) definition(id string) (Spec, bool) {
	if m.defined == nil {
		m.defined = make(map[string]Spec, len(m.specs))
		for _, s := range definitions(m.pool.def.Backends, m.pool.discovered) {
			m.defined[s.ID] = s
		}
	}
	s, ok := m.defined[id]
	return s, ok
}

func (m *mutation) add(spec Spec) error {
	if _, err := m.current(spec.ID); err == nil {
		return &Error{Code: CodeDuplicateID, Existing: spec.ID, Message: fmt.Sprintf("backend %q exists already", spec.ID)}
	}
	m.index[spec.ID] = len(m.specs)
	m.specs = append(m.specs, spec)
	if def, ok := m.definition(spec.ID); ok {
		// it was removed, and comes back: as a change of its definition
		m.setPatch(def, diff(def, spec))
		return nil
	}
	m.edit.put(change{id: spec.ID, added: &spec})
	return nil
}

func (m *mutation) patch(id string, patch Patch) error {
	spec, err := m.current(id)
	if err != nil {
		return err
	}
	spec = patch.Apply(spec)
	m.specs[m.index[id]] = spec
	if def, ok := m.definition(id); ok {
		m.setPatch(def, diff(def, spec))
	} else {
		m.edit.put(change{id: id, added: &spec})
	}
	return nil
}

// setPatch records what differs from the definition; nothing, if nothing does.
func (m *mutation) setPatch(def Spec, patch Patch) {
	if patch.empty() {
		m.edit.drop(def.ID)
		return
	}
	m.edit.put(change{id: def.ID, patch: patch, base: def})
}

func (m *mutation) remove(id string) error {
	if _, err := m.current(id); err != nil {
		return err
	}
	m.specs[m.index[id]] = Spec{}
	delete(m.index, id)
	if def, ok := m.definition(id); ok {
		m.edit.put(change{id: id, removed: true, base: def})
	} else {
		m.edit.drop(id)
	}
	return nil
}

func (m *mutation) replace(specs []Spec) error {
	wanted := make(map[string]bool, len(specs))
	for _, s := range specs {
		if wanted[s.ID] {
			return &Error{Code: CodeDuplicateID, Existing: s.ID, Message: fmt.Sprintf("backend %q is listed twice", s.ID)}
		}
		wanted[s.ID] = true
	}
	for _, s := range m.pool.specs {
		if wanted[s.ID] {
			continue
		}
		if err := m.remove(s.ID); err != nil {
			return err
		}
	}
	for _, s := range specs {
		s.Source = FromRuntime
		was, err := m.current(s.ID)
		if err != nil {
			err = m.add(s)
		} else {
			err = m.patch(s.ID, diff(was, s))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
