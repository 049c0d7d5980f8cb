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
