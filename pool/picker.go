package pool

import "time"

// Policy makes pickers. It is the part of a selection policy that the pool
// knows; see the balancer package.
type Policy interface {
	// NewPicker returns a picker over members, which all accept, share a
	// tier and are ordered as the pool's backends are. There is at least
	// one, and members[i].Index is i. The slice is not changed afterwards
	// and may be kept. prev is the picker that the new one replaces in its
	// tier, or nil; a picker of another policy may come in.
	NewPicker(members []*Member, prev Picker) Picker
}

// Picker picks one member for a request. It is built for one snapshot, is used
// by many goroutines at once and must not allocate.
type Picker interface {
	// Pick returns a member on which it has reserved a slot with q.Take, or
	// nil if Take refused all of them. A picker must offer every member
	// before it gives up, in the order its policy prefers them.
	Pick(q *Request) *Member
}

// Paced is a Picker that goes by how fast backends answer.
type Paced interface {
	Picker

	// Decay returns the time in which what was seen of a backend is to lose
	// all but 1/e of its weight; 0 if the picker does not go by it after all.
	// It is asked once. See [Backend.Peak].
	Decay() time.Duration
}

// LoadTracker is a Picker that keeps members ordered by their load.
type LoadTracker interface {
	Picker

	// LoadChanged tells that m's load has changed by something else than
	// this picker's own successful Take, such as the end of a request.
	LoadChanged(m *Member)

	// Refresh reads the load of all members again. It is called once, right
	// after the picker was published: changes that happened while it was
	// being built went to the picker before it.
	Refresh()
}

// Settler is a Picker that wants to know which member a request was given that
// has waited in the queue: the slot that became free is then the only choice,
// and Pick is not asked.
type Settler interface {
	Picker

	// Settle tells that the request goes to m.
	Settle(q *Request, m *Member)
}

// Rehearser is a Picker that can be asked whom it would pick.
type Rehearser interface {
	Picker

	// Rehearse returns a picker that picks now as this one would, by the same
	// code. Its picks have no effect on this one: they take no turn. It is nil
	// if that cannot be. It is used by one goroutine.
	Rehearse() Rehearsal
}

// Rehearsal is a picker for requests that reserve no slots.
type Rehearsal interface {
	Picker

	// Explain says why the request, for which Pick has just returned chosen,
	// would go there, and why not to the others.
	Explain(q *Request, chosen *Member) Account
}

// Account is why a picker picks whom it picks.
type Account struct {
	// Reason is why it is the one that is picked.
	Reason string

	// ByChance says that the next request of the same kind may go elsewhere
	// with nothing changed.
	ByChance bool

	// Members says of each by its Index what it is to the picker.
	Members []Standing
}

// Standing is what a member is to a picker.
type Standing struct {
	// Share is the part of requests that the member gets, as things stand;
	// less than 0 if that is not known, or means nothing.
	Share float64

	// Reason is why it is not picked; empty for the one that is.
	Reason string
}
