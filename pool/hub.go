package pool

import "sync"

// maxBehind is how many events a subscriber may be behind before it is cut.
const maxBehind = 1024

// hub hands the events of all pools of a registry to subscribers.
type hub struct {
	mu   sync.Mutex
	last uint64
	subs map[*Subscription]struct{}
}

// Subscription gets events until it is closed, or cut because its reader was
// too slow: nobody waits for it.
type Subscription struct {
	// C gets the events, in order. It is closed with the subscription.
	C <-chan Event

	c   chan Event
	hub *hub
}

// Subscribe returns a new subscription to the events of all pools. It must be
// closed.
func (r *Registry) Subscribe() *Subscription {
	c := make(chan Event, maxBehind)
	s := &Subscription{C: c, c: c, hub: &r.hub}
	r.hub.mu.Lock()
	defer r.hub.mu.Unlock()
	if r.hub.subs == nil {
		r.hub.subs = make(map[*Subscription]struct{})
	}
	r.hub.subs[s] = struct{}{}
	return s
}

// Close ends the subscription. It may be called more than once.
func (s *Subscription) Close() {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	s.hub.end(s)
}

func (h *hub) end(s *Subscription) {
	if _, ok := h.subs[s]; ok {
		delete(h.subs, s)
		close(s.c)
	}
}

// publish numbers the event and hands it out. It never waits.
func (h *hub) publish(e Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last++
	e.Number = h.last
	for s := range h.subs {
		select {
		case s.c <- e:
		default:
			h.end(s)
		}
	}
}
