package pool

import "time"

// Rebuilds for changed health are put off by rebuildDelay, so that many changes
// at once cost one rebuild; and until rebuildPerBackend has gone by for each
// backend since the last such rebuild. That is ten times of about what it costs,
// so that changes without end cost a tenth of a core.
const (
	rebuildDelay      = 2 * time.Millisecond
	rebuildPerBackend = 2 * time.Microsecond
)

// publish replaces the snapshot by one of the current state, at once.
func (p *Pool) publish(now time.Time) {
	if p.rebuild != nil {
		p.rebuild.Stop()
		p.rebuild = nil
	}
	prev := p.snap.Load()
	built := p.buildSnapshot(prev, now)
	next := built.Snapshot
	p.lastRebuilds++
	p.ejected = built.ejected
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
	p.rouse()
	p.announce(built.turned, now)
	p.scheduleNext(built.next, now)
}

// publishSoon has the snapshot replaced after a short delay.
func (p *Pool) publishSoon() {
	if p.rebuild != nil || p.closed {
		return
	}
	delay := max(rebuildDelay, p.rest(time.Now()))
	p.rebuild = time.AfterFunc(delay, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.rebuild != nil && !p.closed {
			p.rebuilt = time.Now()
			p.publish(p.rebuilt)
		}
	})
}

// rest returns how long the pool must be left as it is since the last rebuild
// that nobody has asked for.
func (p *Pool) rest(now time.Time) time.Duration {
	return time.Duration(len(p.specs))*rebuildPerBackend - now.Sub(p.rebuilt)
}

// scheduleNext has the snapshot rebuilt when time alone changes it next: an
// ejection ends, or backends that start slowly are due to get more.
func (p *Pool) scheduleNext(next, now time.Time) {
	if p.wakeup != nil {
		p.wakeup.Stop()
		p.wakeup = nil
	}
	if next.IsZero() || p.closed {
		return
	}
	p.wakeup = time.AfterFunc(max(next.Sub(now), p.rest(now)), func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.wakeup != nil && !p.closed {
			p.rebuilt = time.Now()
			p.publish(p.rebuilt)
		}
	})
}
