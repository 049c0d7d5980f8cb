package pool

import "time"

// Ejections are the rules of a pool's ejections.
type Ejections struct {
	// Base is how long the first ejection lasts; each one that follows lasts
	// twice as long, up to Max. 0: the length of an ejection is given with it.
	Base, Max time.Duration

	// MaxPercent is which part of the pool's backends may be ejected at the
	// same time, though always one may be; 0 is all of them. That the last
	// one which accepts is never ejected holds in any case.
	MaxPercent int
}

// Decision is what became of a wish to eject a backend.
type Decision uint8

const (
	// Ejected: the backend is out.
	Ejected Decision = iota
	// Kept: as many are out as may be. It makes no sense to ask again before
	// there is another snapshot.
	Kept
	// Moot: the backend is out already, or the request was older than what
	// has happened to it since.
	Moot
)

// Eject keeps a backend out for its failures. reason is shown to people. m is
// what the request that failed was given. until is when the ejection ends; zero
// leaves that to the pool's rules, and then the backend has to prove itself when
// it returns. A later time replaces an earlier one.
func (p *Pool) Eject(m *Member, until time.Time, reason string) Decision {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := m.Backend
	if p.closed || p.find(b.id) != b {
		return Moot
	}
	now := time.Now()
	e := &b.cond.ejection
	fixed := !until.IsZero()
	switch {
	case !fixed && p.def.Ejections.Base <= 0, !fixed && e.out(now), e.trial != nil && e.trial != m.trial:
		return Moot
	case fixed && !until.After(now) && !e.out(now):
		return Moot
	}
	if !e.out(now) {
		if why := p.keeps(b, now); why != "" {
			p.tellKept(b, why, reason, now)
			return Kept
		}
		if e.trial == nil {
			p.ejected++
		}
		e.since = now
		b.tally.ejections.Add(1)
	}
	e.reason, e.told = reason, time.Time{}
	if fixed {
		e.until = until
	} else {
		b.ejectByRules(&p.def.Ejections, p.random(), now)
	}
	b.ejected.Store(true)
	p.publishSoon()
	return Ejected
}

// ejectByRules makes the next ejection in a row.
func (b *Backend) ejectByRules(rules *Ejections, r float64, now time.Time) {
	e := &b.cond.ejection
	e.level = nextLevel(e.levelAt(now, rules.Base), rules.Base, rules.Max)
	e.until = now.Add(ejectionTime(rules.Base, rules.Max, e.level, r))
	e.endTrial()
	e.trial = new(trial)
}

// OnTrial reports whether the outcome of a request that was given m decides
// whether its backend is in again: see [Pool.Pass] and [Pool.Eject].
func (m *Member) OnTrial() bool { return m.trial != nil && m.trial.phase.Load() != trialOver }

// Pass ends the return of a backend that has answered a request it was given to
// prove itself.
func (p *Pool) Pass(m *Member) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b, now := m.Backend, time.Now()
	e := &b.cond.ejection
	if p.closed || p.find(b.id) != b || m.trial == nil || e.trial != m.trial || e.out(now) {
		return
	}
	e.endTrial()
	e.back, e.told = now, time.Time{}
	p.publishSoon()
}

// ProbePassed tells that an active health check which means something, because
// it is a request, has passed. start is when it began.
//
// It ends the first ejection in a row, as Envoy's successful active checks do:
// the backend is probed by a request then, and if that fails, the checks have
// shown to see less than requests, and are not believed the next time.
func (p *Pool) ProbePassed(b *Backend, start time.Time) {
	if !b.ejected.Load() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	e := &b.cond.ejection
	if p.closed || p.find(b.id) != b || !e.out(now) || e.trial == nil || e.level > 1 || start.Before(e.since) {
		return
	}
	e.until = now
	p.publishSoon()
}
