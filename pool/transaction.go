package pool

import (
	"fmt"
	"time"
)

// transaction is a change that was found good, and is not yet in force.
type transaction struct {
	*Mutation
	result     Result
	by         string
	generation uint64   // of the pool that it was made for
	after      *changes // what the pool's changes will be; nil: not known yet
	document   document // that they were stored in; zero: none
}

// prepare has fn make its change, and checks it. The pool's mutex is held.
func (p *Pool) prepare(opt Options, fn func(*Mutation) error) (*transaction, error) {
	if p.closed || p.ended || p.revision == 0 {
		return nil, &Error{Code: CodeUnknownPool, Message: fmt.Sprintf("pool %q is not in service", p.name)}
	}
	if opt.IfMatch != nil && *opt.IfMatch != p.revision {
		return nil, &Error{Code: CodeStaleRevision, Message: fmt.Sprintf("revision is %d, not %d", p.revision, *opt.IfMatch)}
	}
	m := newMutation(p)
	if err := fn(m); err != nil {
		return nil, err
	}
	if err := m.check(opt.Force); err != nil {
		return nil, err
	}
	return &transaction{Mutation: m, result: m.result(), by: opt.By, generation: p.generation}, nil
}

// encode makes the document that is to be stored for the change. There is none
// if what is stored says all already. The pool's mutex is held.
func (p *Pool) encode(t *transaction, stored []byte) error {
	missing := stored == nil && p.changes.count() > 0
	if len(t.edit.steps) == 0 && p.document.base == nil && !missing {
		return nil
	}
	if err := t.edit.checkReadable(); err != nil {
		return err
	}
	after := p.changes.clone()
	after.apply(&t.edit)
	next := document{}
	next.lineage, next.number = p.document.next()
	data, err := encodeDocument(header{Pool: p.name, Lineage: next.lineage, Number: next.number, At: time.Now(), By: t.by}, &after)
	if err != nil {
		return err
	}
	if len(data) > MaxDocument {
		return tooManyChanges(p.name)
	}
	next.data = data
	t.after, t.document = &after, next
	return nil
}

// finish puts a change in force. The pool's mutex is held, but need not have
// been since the change was prepared.
func (p *Pool) finish(t *transaction) Result {
	if next := &t.document; next.number > 0 {
		if p.document.lineage == next.lineage && p.document.number >= next.number {
			// it was read and adopted already, or one that came after it
			t.result.Revision = p.revision
			return t.result
		}
		p.document, p.told = *next, nil
	}
	if len(t.edit.steps) == 0 || p.closed {
		return t.result
	}
	var next merged
	amended := false
	if p.generation == t.generation {
		if t.after != nil {
			p.changes = *t.after
		} else {
			p.changes.apply(&t.edit)
		}
		next, amended = p.amend(t.Mutation)
	} else {
		p.changes.apply(&t.edit)
	}
	if !amended {
		next = p.merge()
	}
	p.apply(next, true, t.by)
	t.result.Revision = p.revision
	return t.result
}
