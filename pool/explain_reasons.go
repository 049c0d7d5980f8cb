package pool

import "fmt"

// explanation puts into words what was decided.
func (x *explaining) explanation() Explanation {
	s := x.snap
	e := Explanation{
		Pool: s.Pool, Revision: s.Revision, Policy: s.policy, Reason: x.reason(),
		ByChance: x.says != nil && x.says.ByChance,
		Backends: make([]BackendExplanation, len(s.Members)),
	}
	for i, m := range s.Members {
		b := &e.Backends[i]
		*b = x.explain(m)
		if x.chosen != nil && m.Backend == x.chosen.Backend {
			b.Chosen, b.Eligible, b.Reason = true, true, x.word(m, x.because())
			e.Chosen = b
		}
	}
	return e
}

// because says why it is the chosen one.
func (x *explaining) because() string {
	if x.says != nil {
		return x.says.Reason
	}
	return x.why
}

// reason is because with what made the chosen one a candidate.
func (x *explaining) reason() string {
	text := x.because()
	if x.chosen == nil || x.tier == nil {
		return text
	}
	if home := x.q.session.home; home != nil && x.q.session.away {
		text = fmt.Sprintf("%q, to which the client's session belongs, has no room for this request; %s", home.id, text)
	}
	for _, m := range x.snap.Members {
		if m.Spec.Priority < x.tier.Priority {
			text = fmt.Sprintf("no backend before priority %d takes it; %s", x.tier.Priority, text)
			break
		}
	}
	if x.snap.HealthIgnored {
		text = "no backend is up, so health is ignored; " + text
	}
	return text
}

// explain says of a member why it is not chosen.
func (x *explaining) explain(m *Member) BackendExplanation {
	b := BackendExplanation{ID: m.id, Address: m.text, State: string(m.state), Share: x.shareOfNone()}
	if m.Index < 0 {
		b.Reason = m.Reason
		if m.drains && x.snap.sessions != nil {
			b.Reason += ": only serves the clients that it has"
		}
		return b
	}
	if refusal := x.q.refusal(m, m.limit); refusal != refusedNot {
		b.Reason = x.word(m, refusal.reason(m))
		return b
	}
	b.Eligible = true
	b.Reason, b.Share = x.standing(m)
	b.Reason = x.word(m, b.Reason)
	return b
}

// standing says what a member that has room is to the request.
func (x *explaining) standing(m *Member) (reason string, share float64) {
	switch {
	case x.tier == nil:
		return x.others, -1
	case m.Spec.Priority != x.tier.Priority:
		return fmt.Sprintf("stands by with priority %d: backends of priority %d take requests", m.Spec.Priority, x.tier.Priority), x.shareOfNone()
	case x.says == nil || m.Index >= len(x.says.Members):
		return x.others, -1
	}
	says := &x.says.Members[m.Index]
	if most, bounded := x.q.rehearsal.bounds[m.Backend]; bounded && m.inFlight.Load() >= most {
		return fmt.Sprintf("passed over: %d in flight, and bounded_load allows %d at present", m.inFlight.Load(), most), says.Share
	}
	return says.Reason, says.Share
}

// shareOfNone returns the share of a member that the policy does not choose from.
func (x *explaining) shareOfNone() float64 {
	if x.says != nil && x.chosen.Index < len(x.says.Members) && x.says.Members[x.chosen.Index].Share >= 0 {
		return 0
	}
	return -1
}

// word adds what is special about the state of a member that takes requests.
func (x *explaining) word(m *Member, reason string) string {
	if m.Index < 0 {
		return reason
	}
	if !m.Accepting {
		reason += "; " + m.Reason
	} else if m.state == stateProbing {
		reason += "; returning from an ejection"
	}
	if part, of := m.Ramp(); part < of {
		reason += fmt.Sprintf("; starts slowly, with %d %% of its share", part*100/of)
	}
	return reason
}
