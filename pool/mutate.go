package pool

import "fmt"

// Options of a runtime change.
type Options struct {
	// IfMatch, if not nil, is the revision that the pool must have.
	IfMatch *uint64

	// Force allows a change that leaves no backend accepting.
	Force bool

	// By says who makes the change, for the log.
	By string
}

// Add adds a backend. Its health is unknown, and it accepts once its first
// probe has passed, unless the pool is configured otherwise.
func (p *Pool) Add(spec Spec, opt Options) (Spec, error) {
	spec.Source = FromRuntime
	err := p.change(opt, func(m *mutation) error { return m.add(spec) })
	return spec, err
}

// Patch changes fields of a backend. A new address is a new server: it starts
// with no history, and requests in flight to the old one finish.
func (p *Pool) Patch(id string, patch Patch, opt Options) error {
	return p.change(opt, func(m *mutation) error { return m.patch(id, patch) })
}

// Remove removes a backend. It gets no new request once Remove has returned;
// requests in flight finish.
func (p *Pool) Remove(id string, opt Options) error {
	return p.change(opt, func(m *mutation) error { return m.remove(id) })
}

// Replace makes the pool consist of exactly these backends, as one change.
// Backends that have the id of an existing one change that one.
func (p *Pool) Replace(specs []Spec, opt Options) error {
	return p.change(opt, func(m *mutation) error { return m.replace(specs) })
}

// change runs fn on a copy of the pool's runtime changes, checks what comes of
// it, and puts it in force as a whole, or not at all.
func (p *Pool) change(opt Options, fn func(*mutation) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.ended || p.revision == 0 {
		return &Error{Code: CodeUnknownPool, Message: fmt.Sprintf("pool %q is not in service", p.name)}
	}
	if opt.IfMatch != nil && *opt.IfMatch != p.revision {
		return &Error{Code: CodeStaleRevision, Message: fmt.Sprintf("revision is %d, not %d", p.revision, *opt.IfMatch)}
	}
	m := newMutation(p)
	if err := fn(m); err != nil {
		return err
	}
	if err := m.check(opt.Force); err != nil {
		return err
	}
	p.changes.apply(&m.edit)
	next, ok := p.amend(m)
	if !ok {
		next = p.merge()
	}
	p.apply(next, true, opt.By)
	return nil
}
