package pool

import (
	"bytes"
	"slices"
)

// atPeer ends the value of [Event.By] for changes that another instance has made.
const atPeer = ", at another instance"

// catchUp takes over the changes of the document that is stored, if it is news.
func (p *Pool) catchUp(stored []byte) error {
	if stored == nil {
		return nil // what is in force here is all that there is
	}
	p.mu.Lock()
	same := len(stored) > 0 && bytes.Equal(stored, p.document.data)
	known := slices.Clone(p.changes.list)
	p.mu.Unlock()
	if same {
		return nil
	}
	d, err := decodeDocument(p.name, stored, known)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.takeOver(d, bytes.Clone(stored))
	return nil
}

// takeOver makes the changes of a document those that are in force. Those that
// were made here and are in no document stay, and win.
func (p *Pool) takeOver(d *decoded, data []byte) {
	doc := &p.document
	if d.lineage == doc.lineage && (d.number < doc.number || bytes.Equal(data, doc.data)) {
		return // it was read before what is in force was stored
	}
	base := doc.base
	if d.lineage != doc.lineage || d.number == doc.number {
		base = new(changes) // nothing is known of where the two parted
	}
	next, ahead := d.changes, false
	if base != nil {
		next = d.changes.clone()
		ahead = next.lay(&p.changes, base)
	}
	p.document = document{lineage: d.lineage, number: d.number, data: data}
	if ahead {
		p.document.base = &d.changes
	}
	p.changes = next
	p.generation++
	if (p.revision > 0 || len(p.claims) > 0) && !p.closed {
		p.apply(p.merge(), p.served, d.by+atPeer)
	}
}

// lay lays on top of c what ours has changed since it was base, and reports
// whether that was anything.
func (c *changes) lay(ours, base *changes) (ahead bool) {
	for _, ch := range ours.list {
		if ch != nil && base.find(ch.id) != ch && c.find(ch.id) != ch {
			c.put(ch)
			ahead = true
		}
	}
	for id := range base.index {
		if ours.find(id) == nil && c.find(id) != nil {
			c.drop(id)
			ahead = true
		}
	}
	c.compact()
	return ahead
}
