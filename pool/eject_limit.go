package pool

import (
	"fmt"
	"time"
)

// allowed returns how many of n backends may be ejected.
func (e *Ejections) allowed(n int) int {
	if e.MaxPercent <= 0 {
		return n
	}
	return max(n*e.MaxPercent/100, 1)
}

// keeps says why a backend must not be ejected, if there is a reason.
func (p *Pool) keeps(b *Backend, now time.Time) string {
	if allowed := p.def.Ejections.allowed(len(p.live)); b.cond.ejection.trial == nil && p.ejected >= allowed {
		return fmt.Sprintf("max_ejected: %d of %d backends are ejected", p.ejected, len(p.live))
	}
	if !b.cond.state(now).accepts() {
		return "" // nobody misses it
	}
	for _, other := range p.live {
		if other != b && other.cond.state(now).accepts() {
			return ""
		}
	}
	return "it is the last backend that accepts"
}

// keptSilence is how long people are not told again that a backend was kept in.
const keptSilence = time.Minute

func (p *Pool) tellKept(b *Backend, why, reason string, now time.Time) {
	if e := &b.cond.ejection; e.told.IsZero() || now.Sub(e.told) >= keptSilence {
		e.told = now
		p.emit(Event{Name: EventKept, Backend: b.id, Address: b.text, Reason: why + "; " + reason})
	}
}

// lift ends all ejections that keep out backends which nothing else does. It is
// called when nobody else is left: an ejection is a preference for others.
func (p *Pool) lift(now time.Time) {
	for _, b := range p.live {
		if b.cond.ejection.out(now) && b.cond.withoutEjection(now).accepts() {
			b.cond.ejection.until = now
		}
	}
}

// withoutEjection returns what the backend would be if it were not ejected.
func (c *condition) withoutEjection(now time.Time) state {
	without := *c
	without.ejection.until = time.Time{}
	return without.state(now)
}
