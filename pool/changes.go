package pool

import (
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
)

// changes are what the admin API has changed on a pool: an ordered set, at most
// one change for an id. It is changed by edits only, as a whole.
type changes struct {
	list  []*change // nil where one was dropped
	index map[string]int
}

// change is a runtime change of one backend, and is not changed itself. Exactly
// one of the three kinds: added, removed, or patched.
type change struct {
	id      string
	added   *Spec // the backend as it was added
	removed bool
	patch   Patch
	base    *Spec // removed, patched: the definition that it was made against

	text atomic.Pointer[[]byte] // as it is stored; nil: not yet known
}

// find returns the change of the id, or nil.
func (c *changes) find(id string) *change {
	if i, ok := c.index[id]; ok {
		return c.list[i]
	}
	return nil
}

// count returns how many changes there are.
func (c *changes) count() int { return len(c.index) }

func (c *changes) drop(id string) {
	if i, ok := c.index[id]; ok {
		c.list[i] = nil
		delete(c.index, id)
	}
}

// put puts ch in place of any other change of its id.
func (c *changes) put(ch *change) {
	if i, ok := c.index[ch.id]; ok {
		c.list[i] = ch
		return
	}
	if c.index == nil {
		c.index = make(map[string]int)
	}
	c.index[ch.id] = len(c.list)
	c.list = append(c.list, ch)
}

// compact gives back the room of dropped changes once it is half of all.
func (c *changes) compact() {
	if len(c.list) < 2*len(c.index)+16 {
		return
	}
	c.list = slices.DeleteFunc(c.list, func(ch *change) bool { return ch == nil })
	for i, ch := range c.list {
		c.index[ch.id] = i
	}
}

// edit is a set of steps to change the changes by. It leaves nothing behind if
// it is not carried out.
type edit struct {
	steps []step
}

// step puts a change in place of that of its id, or drops that.
type step struct {
	id  string
	put *change // nil: drop
}

func (e *edit) put(ch *change) { e.steps = append(e.steps, step{ch.id, ch}) }

func (e *edit) drop(id string) { e.steps = append(e.steps, step{id: id}) }

// leaves returns how many changes there are after the edit of c, or more.
func (e *edit) leaves(c *changes) int {
	n := c.count()
	for _, s := range e.steps {
		if s.put != nil && c.find(s.id) == nil {
			n++
		}
	}
	return n
}

// checkReadable makes sure that what the edit puts can be read again once it is
// stored.
func (e *edit) checkReadable() error {
	for _, s := range e.steps {
		if s.put == nil {
			continue
		}
		text, err := s.put.encoded()
		if err == nil {
			_, err = decodeChange(text)
		}
		if err != nil {
			return fmt.Errorf("the change of backend %q cannot be stored: %w", s.id, err)
		}
	}
	return nil
}

// apply carries out an edit.
func (c *changes) apply(e *edit) {
	for _, s := range e.steps {
		if s.put == nil {
			c.drop(s.id)
		} else {
			c.put(s.put)
		}
	}
	c.compact()
}

// forget takes out what gave way to the config.
func (c *changes) forget(list []yielded) {
	for _, y := range list {
		ch := c.find(y.id)
		switch {
		case ch == nil:
		case y.patch.empty():
			c.drop(y.id)
		default:
			c.put(&change{id: ch.id, patch: y.patch, base: ch.base})
		}
	}
	c.compact()
}

// clone returns changes that can be changed independently.
func (c *changes) clone() changes {
	return changes{list: slices.Clone(c.list), index: maps.Clone(c.index)}
}
