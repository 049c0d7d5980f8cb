package pool

import (
	"context"
	"errors"
	"time"
)

// ByDrain is the value of [Event.By] for what follows a drain.
const ByDrain = "drain"

// errSuperseded is why what follows a drain is not carried out: the drain is
// not what it was any more.
var errSuperseded = errors.New("the drain was changed")

// planDrains takes note of which backends drain, and how. The backends are in
// place.
func (p *Pool) planDrains(now time.Time) {
	p.drains = p.drains[:0]
	for i := range p.specs {
		b := p.live[i]
		b.planDrain(&p.specs[i], !p.served, now)
		if b.drain.phase != notDraining {
			p.drains = append(p.drains, b)
		}
	}
	if len(p.drains) > 0 {
		p.tendAt(now, now)
	} else {
		p.stopTending()
	}
}

// tendAt has drains looked after at the time.
func (p *Pool) tendAt(at, now time.Time) {
	p.stopTending()
	if !p.closed {
		p.tend = time.AfterFunc(min(max(at.Sub(now), 0), longestNap), p.tendDrains)
	}
}

func (p *Pool) stopTending() {
	if p.tend != nil {
		p.tend.Stop()
		p.tend = nil
	}
}

// emptied is called when the last request or tunnel of a backend has ended. It
// waits for nobody.
func (p *Pool) emptied(b *Backend) {
	if b.emptying.CompareAndSwap(true, false) {
		time.AfterFunc(0, p.tendDrains)
	}
}

// tendDrains takes all drains as far as they have come.
func (p *Pool) tendDrains() {
	for _, d := range p.stepDrains() {
		p.follow(d)
	}
}

// finished is a drain that is over.
type finished struct {
	backend *Backend
	plan    DrainPlan
	why     string
}

// stepDrains returns the drains which something has to follow.
func (p *Pool) stepDrains() []finished {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.ended || len(p.claims) == 0 {
		return nil
	}
	now := time.Now()
	var next time.Time
	var due []finished
	moved := false
	for _, b := range p.drains {
		stepped, at := p.step(b, now)
		moved, next = moved || stepped, sooner(next, at)
		switch d := &b.drain; {
		case d.follows() && !d.trying && !now.Before(d.retryAt):
			d.trying = true
			due = append(due, finished{b, d.plan, d.why})
		case stepped && d.phase == over && !d.follows():
			p.tellFinished(finished{b, d.plan, d.why}, now)
		}
	}
	if moved {
		p.drainsMoved()
		if p.def.Sticky != nil {
			p.publish(now) // to requests nothing else has changed
		}
	}
	p.stopTending()
	if !next.IsZero() {
		p.tendAt(next, now)
	}
	return due
}

// follow carries out what follows a drain. Another instance may have done so,
// too.
func (p *Pool) follow(f finished) {
	b := f.backend
	if time.Now().Before(f.plan.Deadline) || f.plan.Deadline.IsZero() {
		// the others have to know of the plan before they hear of what follows:
		// theirs may have something left
		ctx, cancel := context.WithTimeout(context.Background(), knownTime)
		p.AwaitInstances(ctx)
		cancel()
	}
	_, err := p.Mutate(Options{Force: true, By: ByDrain}, func(m *Mutation) error {
		spec, known := m.Find(b.id)
		if !known || spec.AdminState != Drain || spec.Drain != f.plan || spec.Address != b.address {
			return errSuperseded
		}
		if f.plan.Then == ThenRemove {
			return m.Remove(b.id)
		}
		state := Maintenance
		return m.Patch(b.id, Patch{AdminState: &state})
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if err == nil {
		p.tellFinished(f, now)
	}
	d := &b.drain
	if d.plan != f.plan || !d.follows() {
		return
	}
	d.trying, d.retryAt, d.failure = false, now.Add(followRetry), ""
	if err != nil && !errors.Is(err, errSuperseded) {
		d.failure = err.Error()
		p.tendAt(d.retryAt, now)
	}
}

// tellFinished emits the event of a drain that is over.
func (p *Pool) tellFinished(f finished, now time.Time) {
	p.emit(Event{
		Name: EventDrainFinished, Backend: f.backend.id, Address: f.backend.text, Reason: f.why,
		Lasted: now.Sub(f.plan.Since), Then: f.plan.Then, By: ByDrain,
	})
}

// DrainMoved returns a channel that is closed when a drain of the pool has come
// further.
func (p *Pool) DrainMoved() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.drainStep == nil {
		p.drainStep = make(chan struct{})
	}
	return p.drainStep
}

func (p *Pool) drainsMoved() {
	if p.drainStep != nil {
		close(p.drainStep)
		p.drainStep = nil
	}
}
