package pool

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// announce emits an event for every backend whose accepting state is not the
// one last announced.
func (p *Pool) announce(now time.Time) {
	for _, b := range p.live {
		ok, reason := b.cond.accepting(now)
		state := b.cond.state(now)
		if b.announced == state {
			continue
		}
		was := b.announced
		lasted := now.Sub(b.changedAt)
		b.announced, b.changedAt = state, now
		if was == "" && ok && b.cond.health == Unknown {
			continue // a backend that starts out accepting is no news
		}
		if was == "" {
			lasted = 0
		}
		p.emit(Event{
			Name: eventOf(was, state), Backend: b.id, Address: b.text, Reason: reason, Lasted: lasted,
		})
	}
}

// state is the word for what a backend is, taken together.
type state string

const (
	stateUp          state = "up"
	stateDown        state = "down"
	stateEjected     state = "ejected"
	stateDraining    state = "draining"
	stateMaintenance state = "maintenance"
	stateWaiting     state = "waiting"
)

func (c condition) state(now time.Time) state {
	switch {
	case c.admin == Drain:
		return stateDraining
	case c.admin == Maintenance:
		return stateMaintenance
	case now.Before(c.ejectedUntil):
		return stateEjected
	case c.health == Down:
		return stateDown
	case c.health == Unknown && c.startsDown:
		return stateWaiting
	}
	return stateUp
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
	}
	switch was {
	case stateEjected:
		return EventReturned
	case stateDraining, stateMaintenance:
		return EventReady
	}
	return EventUp
}

// announceChange emits an event for changed settings, with old and new values.
func (p *Pool) announceChange(was, is Spec, by string) {
	before, after := describeChange(was, is)
	if before == "" && after == "" {
		return
	}
	p.emit(Event{Name: EventChanged, Backend: is.ID, Address: is.Address.String(), Old: before, New: after, By: by})
}

func describeChange(was, is Spec) (before, after string) {
	var b, a []string
	add := func(name string, from, to any) {
		if fmt.Sprint(from) != fmt.Sprint(to) {
			b = append(b, fmt.Sprintf("%s=%v", name, from))
			a = append(a, fmt.Sprintf("%s=%v", name, to))
		}
	}
	add("address", was.Address, is.Address)
	add("weight", was.Weight, is.Weight)
	add("priority", was.Priority, is.Priority)
	add("max_requests", was.MaxRequests, is.MaxRequests)
	add("admin_state", was.AdminState, is.AdminState)
	add("labels", was.Labels, is.Labels)
	add("source", was.Source, is.Source)
	return strings.Join(b, " "), strings.Join(a, " ")
}

// emit queues an event for subscribers and the definition's sink. The pool's
// mutex is held.
func (p *Pool) emit(e Event) {
	if len(p.claims) == 0 {
		return
	}
	e.At, e.Pool = time.Now(), p.name
	sink := p.def.Sink
	p.events.add(func(e Event) {
		p.hub.publish(e)
		if sink != nil {
			sink(e)
		}
	}, e)
}

// maxQueuedEvents bounds the memory that a slow sink can cost.
const maxQueuedEvents = 1 << 16

// eventQueue hands events to sinks in order, on a goroutine that exists only
// while there are any, so that nobody waits for a sink with a lock held.
type eventQueue struct {
	mu      sync.Mutex
	queue   []queued
	running bool
}

type queued struct {
	sink  Sink
	event Event
}

func (q *eventQueue) add(sink Sink, e Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.queue) >= maxQueuedEvents {
		return
	}
	q.queue = append(q.queue, queued{sink, e})
	if !q.running {
		q.running = true
		go q.run()
	}
}

func (q *eventQueue) run() {
	for {
		q.mu.Lock()
		batch := q.queue
		q.queue = nil
		if len(batch) == 0 {
			q.running = false
			q.mu.Unlock()
			return
		}
		q.mu.Unlock()
		for _, item := range batch {
			item.sink(item.event)
		}
	}
}
