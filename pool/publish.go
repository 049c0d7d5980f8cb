package pool

import "time"

// Rebuilds for changed health are put off, so that many changes at once cost
// one rebuild: by rebuildDelay, and by ten times of about what a rebuild costs
// for each backend, so that changes without end cost a tenth of a core.
const (
	rebuildDelay      = 2 * time.Millisecond
	rebuildPerBackend = 4 * time.Microsecond
)

// publish replaces the snapshot by one of the current state, at once.
func (p *Pool) publish(now time.Time) {
	if p.rebuild != nil {
		p.rebuild.Stop()
		p.rebuild = nil
	}
	prev := p.snap.Load()
	next := p.buildSnapshot(prev, now)
	p.lastRebuilds++
	for _, m := range next.Members {
		m.member.Store(m)
	}
	for _, b := range p.parked {
		b.member.Store(nil)
	}
	p.snap.Store(next)
	for i := range next.Tiers {
		if tracker, ok := next.Tiers[i].Picker.(LoadTracker); ok {
			tracker.Refresh()
		}
	}
	close(prev.Replaced)
	p.announce(now)
	p.scheduleReturn(now)
}

// publishSoon has the snapshot replaced after a short delay.
func (p *Pool) publishSoon() {
	if p.rebuild != nil || p.closed {
		return
	}
	delay := rebuildDelay + time.Duration(len(p.specs))*rebuildPerBackend
	p.rebuild = time.AfterFunc(delay, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.rebuild != nil && !p.closed {
			p.publish(time.Now())
		}
	})
}

// scheduleReturn has the snapshot rebuilt when the next ejection ends.
func (p *Pool) scheduleReturn(now time.Time) {
	if p.returns != nil {
		p.returns.Stop()
		p.returns = nil
	}
	var next time.Time
	for _, b := range p.live {
		until := b.cond.ejectedUntil
		if until.After(now) && (next.IsZero() || until.Before(next)) {
			next = until
		}
	}
	if next.IsZero() || p.closed {
		return
	}
	p.returns = time.AfterFunc(next.Sub(now), func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if !p.closed {
			p.publish(time.Now())
		}
	})
}
