package pool

import (
	"fmt"
	"maps"
	"strings"
	"time"
)

// announce emits an event for backends whose state is not the one last
// announced.
func (p *Pool) announce(turned []*Backend, now time.Time) {
	for _, b := range turned {
		was, is := b.announced, b.cond.state(now)
		lasted := now.Sub(b.changedAt)
		b.announced, b.changedAt = is, now
		if was == "" && is == stateUp && b.cond.health == Unknown {
			continue // a backend that starts out accepting is no news
		}
		if was == "" {
			lasted = 0
		} else {
			b.tally.changes.Add(1)
		}
		p.emit(Event{
			Name: eventOf(was, is), Backend: b.id, Address: b.text, Reason: b.cond.reason(is), Lasted: lasted,
		})
	}
}

func eventOf(was, is state) string {
	switch is {
	case stateDown:
		return EventDown
	case stateEjected:
		return EventEjected
	case stateDraining:
		return EventDraining
	case stateMaintenance:
		return EventMaintenance
	case stateWaiting:
		return EventWaiting
	case stateProbing:
		return EventProbing
	}
	switch was {
	case stateEjected, stateProbing:
		return EventReturned
	case stateDraining, stateMaintenance:
		return EventReady
	}
	return EventUp
}

// announceChange emits an event for changed settings, with old and new values.
func (p *Pool) announceChange(was, is *Spec, by string) {
	var c comparison
	compare(&c, "address", was.Address, is.Address)
	compare(&c, "weight", was.Weight, is.Weight)
	compare(&c, "priority", was.Priority, is.Priority)
	compare(&c, "max_requests", was.MaxRequests, is.MaxRequests)
	compare(&c, "admin_state", was.AdminState, is.AdminState)
	compare(&c, "drain_deadline", was.Drain.deadlineText(), is.Drain.deadlineText())
	compare(&c, "drain_then", was.Drain.Then, is.Drain.Then)
	if !maps.Equal(was.Labels, is.Labels) {
		c.add("labels", was.Labels, is.Labels)
	}
	compare(&c, "source", was.Source, is.Source)
	if len(c.before) == 0 {
		return
	}
	p.emit(Event{
		Name: EventChanged, Backend: is.ID, Address: is.Address.String(), By: by,
		Old: strings.Join(c.before, " "), New: strings.Join(c.after, " "),
	})
}

// comparison is what differs, as text.
type comparison struct{ before, after []string }

func (c *comparison) add(name string, was, is any) {
	c.before = append(c.before, fmt.Sprintf("%s=%v", name, was))
	c.after = append(c.after, fmt.Sprintf("%s=%v", name, is))
}

func compare[T comparable](c *comparison, name string, was, is T) {
	if was != is {
		c.add(name, was, is)
	}
}
