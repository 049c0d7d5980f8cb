package pool

import (
	"fmt"
	"time"
)

// maxTurn is how long a change waits for those before it. Each takes some
// milliseconds, unless the storage does not answer.
const maxTurn = 15 * time.Second

// Options of a runtime change.
type Options struct {
	// IfMatch, if not nil, is the revision that the pool must have.
	IfMatch *uint64

	// Force allows a change that leaves no backend accepting.
	Force bool

	// DryRun finds out what would happen, and changes nothing.
	DryRun bool

	// By says who makes the change, for the log.
	By string
}

// Add adds a backend. Its health is unknown, and it accepts once its first
// probe has passed, unless the pool is configured otherwise.
func (p *Pool) Add(spec Spec, opt Options) (Spec, error) {
	spec.Source = FromRuntime
	_, err := p.Mutate(opt, func(m *Mutation) error { return m.Add(spec) })
	return spec, err
}

// Patch changes fields of a backend. A new address is a new server: it starts
// with no history, and requests in flight to the old one finish.
func (p *Pool) Patch(id string, patch Patch, opt Options) error {
	_, err := p.Mutate(opt, func(m *Mutation) error { return m.Patch(id, patch) })
	return err
}

// Remove removes a backend. It gets no new request once Remove has returned;
// requests in flight finish.
func (p *Pool) Remove(id string, opt Options) error {
	_, err := p.Mutate(opt, func(m *Mutation) error { return m.Remove(id) })
	return err
}

// Replace makes the pool consist of exactly these backends, as one change.
// Backends that have the id of an existing one change that one.
func (p *Pool) Replace(specs []Spec, opt Options) error {
	_, err := p.Mutate(opt, func(m *Mutation) error { return m.Replace(specs) })
	return err
}

// Mutate has fn make a runtime change, checks what comes of it, stores it if
// the pool has a [Store], and puts it in force: as a whole, or not at all. What
// fn sees of the pool is how it is until then; nobody gets in between, other
// instances neither. fn may be called more than once, and must not use the pool
// but through the Mutation, which is of no use after it has returned.
func (p *Pool) Mutate(opt Options, fn func(*Mutation) error) (Result, error) {
	if opt.DryRun {
		p.mu.Lock()
		defer p.mu.Unlock()
		t, err := p.prepare(opt, fn)
		if err != nil {
			return Result{}, err
		}
		return t.result, nil
	}
	if err := p.awaitTurn(); err != nil {
		return Result{}, err
	}
	defer func() { <-p.turn }()
	if store := p.store(); store != nil {
		return p.mutateStored(store, opt, fn)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	t, err := p.prepare(opt, fn)
	if err != nil {
		return Result{}, err
	}
	if len(t.edit.steps) > 0 && p.document.base == nil {
		base := p.changes.clone()
		p.document.base = &base
	}
	return p.finish(t), nil
}

// awaitTurn waits until no other change is being made. The turn is not the
// pool's mutex, which must not be held while the storage takes its time.
func (p *Pool) awaitTurn() error {
	select {
	case p.turn <- struct{}{}:
		return nil
	default:
	}
	limit := time.NewTimer(maxTurn)
	defer limit.Stop()
	select {
	case p.turn <- struct{}{}:
		return nil
	case <-limit.C:
		return &Error{Code: CodeBusy, Message: fmt.Sprintf("other changes of pool %q have not ended within %s; nothing was done", p.name, maxTurn)}
	}
}

func (p *Pool) store() Store {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.def.Store
}

// mutateStored makes a change on top of what is stored, and stores that before
// it puts it in force.
func (p *Pool) mutateStored(store Store, opt Options, fn func(*Mutation) error) (Result, error) {
	var t *transaction
	var refused error
	err := store.Update(p.name, func(stored []byte) ([]byte, error) {
		t, refused = nil, nil
		if err := p.catchUp(stored); err != nil {
			return nil, err
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if t, refused = p.prepare(opt, fn); refused != nil {
			return nil, refused
		}
		refused = p.encode(t, stored)
		return t.document.data, refused
	})
	switch {
	case refused != nil:
		return Result{}, refused
	case err != nil, t == nil:
		return Result{}, &Error{
			Code: CodeStorageFailed, Cause: err,
			Message: "the change was not made, as it could not be stored; the log says why",
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.finish(t), nil
}
