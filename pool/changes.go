package pool

import "slices"

// changes are what the admin API has changed on a pool: an ordered set, at most
// one change for an id. The value is never modified in place, so that a change
// which is refused leaves nothing behind.
type changes struct {
	list []change
}

// change is a runtime change of one backend. Exactly one of the three kinds:
// added, removed, or patched.
type change struct {
	id      string
	added   *Spec // the backend as it was added
	removed bool
	patch   Patch
	base    Spec // removed, patched: the definition that it was made against
}

// yielded is a runtime change, or a part of one, that gave way to the config.
type yielded struct {
	id     string
	reason string
	patch  Patch // what remains of a patch; empty: the change is dropped
}

// edit returns a copy of the changes to work on.
func (c changes) edit() *edit {
	e := &edit{list: slices.Clone(c.list), index: make(map[string]int, len(c.list))}
	for i := range e.list {
		e.index[e.list[i].id] = i
	}
	return e
}

// edit is a set of changes in the making.
type edit struct {
	list  []change // those without an id are gone
	index map[string]int
}

func (e *edit) find(id string) (change, bool) {
	i, ok := e.index[id]
	if !ok {
		return change{}, false
	}
	return e.list[i], true
}

// put puts ch in place of any other change of its id.
func (e *edit) put(ch change) {
	if i, ok := e.index[ch.id]; ok {
		e.list[i] = ch
		return
	}
	e.index[ch.id] = len(e.list)
	e.list = append(e.list, ch)
}

func (e *edit) drop(id string) {
	if i, ok := e.index[id]; ok {
		e.list[i] = change{}
		delete(e.index, id)
	}
}

// done returns what the edit has come to.
func (e *edit) done() changes {
	return changes{slices.DeleteFunc(e.list, func(ch change) bool { return ch.id == "" })}
}

// merge returns the backends that the config's, the discovered ones and the
// runtime changes amount to. A change holds as long as the definition that it
// was made against is the same; what changed in the definition since then wins
// over it, field by field, and is returned as yielded.
func (c changes) merge(fromConfig, discovered []Spec) (specs []Spec, gaveWay []yielded) {
	defined := make(map[string]bool, len(fromConfig)+len(discovered))
	taken := make(map[string]bool, len(fromConfig)+len(discovered))
	byID := make(map[string]*change, len(c.list))
	for i := range c.list {
		byID[c.list[i].id] = &c.list[i]
	}
	specs = make([]Spec, 0, len(fromConfig)+len(discovered)+len(c.list))
	for _, list := range [][]Spec{fromConfig, discovered} {
		for _, def := range list {
			if defined[def.ID] || defined[def.Address.String()] {
				continue // discovered, and listed as well
			}
			defined[def.ID], defined[def.Address.String()] = true, true
			spec, keep, y := byID[def.ID].applyTo(def)
			if y != nil {
				gaveWay = append(gaveWay, *y)
			}
			if keep {
				taken[spec.ID], taken[spec.Address.String()] = true, true
				specs = append(specs, spec)
			}
		}
	}
	for _, ch := range c.list {
		if ch.added == nil {
			continue
		}
		if taken[ch.added.ID] || taken[ch.added.Address.String()] {
			if !defined[ch.id] { // or applyTo has said so
				gaveWay = append(gaveWay, yielded{id: ch.id, reason: "its id or address is now taken by another backend"})
			}
			continue
		}
		taken[ch.added.ID], taken[ch.added.Address.String()] = true, true
		specs = append(specs, *ch.added)
	}
	return specs, gaveWay
}

// applyTo returns what a change makes of a definition, and whether the backend
// is still there. A nil change leaves it as it is.
func (ch *change) applyTo(def Spec) (spec Spec, keep bool, y *yielded) {
	switch {
	case ch == nil:
		return def, true, nil
	case ch.added != nil:
		return def, true, &yielded{id: ch.id, reason: "the config defines the backend now"}
	case ch.removed:
		if ch.base.equal(def) {
			return Spec{}, false, nil
		}
		return def, true, &yielded{id: ch.id, reason: "the backend was removed at runtime, and the config has changed its definition since"}
	}
	rest, lost := ch.patch.against(ch.base, def)
	if lost {
		y = &yielded{id: ch.id, reason: "the config has changed what was changed at runtime", patch: rest}
	}
	return rest.Apply(def), true, y
}

// against returns the fields of the patch whose definition is the same in base
// and def, and whether any field was lost.
func (p Patch) against(base, def Spec) (rest Patch, lost bool) {
	changed := diff(base, def)
	rest = p
	lost = yieldField(&rest.Address, changed.Address) || lost
	lost = yieldField(&rest.Weight, changed.Weight) || lost
	lost = yieldField(&rest.Priority, changed.Priority) || lost
	lost = yieldField(&rest.MaxRequests, changed.MaxRequests) || lost
	lost = yieldField(&rest.AdminState, changed.AdminState) || lost
	if rest.Labels != nil && changed.Labels != nil {
		rest.Labels, lost = nil, true
	}
	return rest, lost
}

func yieldField[T any](field **T, changed *T) bool {
	if *field == nil || changed == nil {
		return false
	}
	*field = nil
	return true
}

// forget returns the changes without what gave way to the config.
func (c changes) forget(list []yielded) changes {
	if len(list) == 0 {
		return c
	}
	e := c.edit()
	for _, y := range list {
		ch, ok := e.find(y.id)
		switch {
		case !ok:
		case y.patch.empty():
			e.drop(y.id)
		default:
			ch.patch = y.patch
			e.put(ch)
		}
	}
	return e.done()
}
