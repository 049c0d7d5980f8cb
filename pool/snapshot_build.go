package pool

import (
	"cmp"
	"slices"
	"time"
)

// builder makes a snapshot, and finds out what else follows from the state of
// the backends.
type builder struct {
	pool *Pool
	now  time.Time
	*Snapshot
	accepting []*Member
	up        int // of accepting, those which are not probing
	liftable  int // backends which are kept out by nothing but an ejection

	turned  []*Backend // whose state is not the one last announced
	next    time.Time  // when time alone changes the snapshot next; zero if it does not
	ejected int        // backends which are ejected, or returning
}

// buildSnapshot makes the snapshot of p's current state. The pool's mutex is
// held.
func (p *Pool) buildSnapshot(prev *Snapshot, now time.Time) *builder {
	b := p.survey(now)
	if len(b.accepting) == 0 && b.liftable > 0 {
		p.lift(now)
		b = p.survey(now)
	}
	if len(b.accepting) == 0 && p.def.IgnoreHealthWhenAllDown {
		b.ignoreHealth()
	}
	if b.up > 0 {
		for _, m := range b.accepting {
			m.gated = m.trial != nil
		}
	}
	b.Tiers, b.sessions = b.buildTiers(prev), p.newSessions(prev)
	return b
}

// survey looks at all backends and makes members of them.
func (p *Pool) survey(now time.Time) *builder {
	s := &Snapshot{
		Pool: p.name, policy: p.def.PolicyName, Revision: p.revision, Number: p.lastRebuilds + 1, Members: make([]*Member, len(p.specs)),
		Replaced: make(chan struct{}),
	}
	b := &builder{pool: p, now: now, Snapshot: s, accepting: make([]*Member, 0, len(p.specs))}
	block := make([]Member, len(p.specs)) // one allocation for all
	for i := range p.specs {
		s.Members[i], block[i].number = &block[i], i
		b.add(&block[i], p.live[i], &p.specs[i])
	}
	return b
}

func (b *builder) add(m *Member, live *Backend, spec *Spec) {
	p := b.pool
	m.Backend, m.Spec, m.pool = live, spec, p
	m.Index, m.Weight, m.Key = -1, max(spec.Weight, 1), live.key
	m.Transport, m.limit = p.transports.get(live, spec.restricted), int64(p.def.limit(spec))
	m.warmth, m.warmest = fullWarmth, fullWarmth
	state := live.cond.state(b.now)
	m.state, m.up, m.times = state, live.cond.up(), p.timesOf(live, m.number)
	m.Accepting, m.Reason = state.accepts(), live.cond.reason(state)
	m.drains = live.cond.drains(b.now)
	if state != live.announced {
		b.turned = append(b.turned, live)
		live.turns(state, b.now)
	}
	b.lookAtEjection(live, state)
	if !m.Accepting {
		return
	}
	b.accepting = append(b.accepting, m)
	if state == stateProbing {
		m.trial = live.cond.ejection.trial
		return
	}
	b.up++
	m.warmth = live.warmth(b.now, p.def.SlowStart)
	if m.warmth < fullWarmth {
		b.sooner(b.now.Add(p.rampStep()))
	}
}

func (b *builder) lookAtEjection(live *Backend, state state) {
	e := &live.cond.ejection
	out := e.out(b.now)
	if live.ejected.Load() != out {
		live.ejected.Store(out)
	}
	if out {
		b.sooner(e.until)
	}
	if out || e.trial != nil {
		b.ejected++
	}
	if state == stateEjected && live.cond.withoutEjection(b.now).accepts() {
		b.liftable++
	}
}

// sooner notes a time at which the snapshot changes.
func (b *builder) sooner(at time.Time) {
	if b.next.IsZero() || at.Before(b.next) {
		b.next = at
	}
}

// ignoreHealth has all backends take requests that the operator does not keep
// out.
func (b *builder) ignoreHealth() {
	for _, m := range b.Members {
		if m.cond.acceptingDespiteHealth() {
			b.accepting = append(b.accepting, m)
		}
	}
	b.HealthIgnored = len(b.accepting) > 0
}

func (b *builder) buildTiers(prev *Snapshot) []Tier {
	accepting := b.accepting
	if len(accepting) == 0 {
		return nil
	}
	byPriority := func(a, b *Member) int { return cmp.Compare(a.Spec.Priority, b.Spec.Priority) }
	if !slices.IsSortedFunc(accepting, byPriority) {
		slices.SortStableFunc(accepting, byPriority)
	}
	var tiers []Tier
	for start := 0; start < len(accepting); {
		end := start + 1
		for end < len(accepting) && accepting[end].Spec.Priority == accepting[start].Spec.Priority {
			end++
		}
		tiers = append(tiers, b.pool.buildTier(prev, accepting[start:end:end]))
		start = end
	}
	return tiers
}

func (p *Pool) buildTier(prev *Snapshot, members []*Member) Tier {
	for i, m := range members {
		m.Index = i
	}
	rampUp(members)
	tier := Tier{Priority: members[0].Spec.Priority, Members: members}
	tier.Picker = p.def.Policy.NewPicker(members, prev.picker(tier.Priority))
	if tracker, ok := tier.Picker.(LoadTracker); ok {
		for _, m := range members {
			m.tracker = tracker
		}
	}
	if paced, ok := tier.Picker.(Paced); ok {
		for _, m := range members {
			m.decay = paced.Decay()
		}
	}
	if settler, ok := tier.Picker.(Settler); ok {
		for _, m := range members {
			m.settler = settler
		}
	}
	return tier
}
