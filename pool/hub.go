package pool

import (
	"strconv"
	"sync"
	"time"
)

const (
	// maxBehind is how many events a subscriber may be behind before it is cut.
	maxBehind = 1024

	// maxRecent is how many events are kept for those who subscribe again.
	maxRecent = 1024
)

// hub hands the events of all pools of a registry to subscribers.
type hub struct {
	epoch string // tells its numbers from those of other processes

	mu     sync.Mutex
	last   uint64
	recent []Event // at their number, modulo maxRecent
	subs   map[*Subscription]struct{}
}

// newEpoch returns an epoch that no other process has had.
func newEpoch() string { return strconv.FormatInt(time.Now().UnixMicro(), 36) }

// Subscription gets events until it is closed, or cut because its reader was
// too slow: nobody waits for it.
type Subscription struct {
	// C gets the events, in order. It is closed with the subscription.
	C <-chan Event

	c    chan Event
	pool string // "": all
	hub  *hub
}

// Epoch tells the numbers of events of this registry from those of others, which
// other processes have.
func (r *Registry) Epoch() string { return r.hub.epoch }

// Subscribe returns a new subscription to the events of the pool with that name,
// or of all pools if it is empty. It must be closed.
func (r *Registry) Subscribe(pool string) *Subscription {
	r.hub.mu.Lock()
	defer r.hub.mu.Unlock()
	return r.hub.subscribe(pool, nil)
}

// Resume is Subscribe for a reader that has had all events up to that number of
// this registry: it gets those that have come since. It is not complete if these
// are more than are kept.
func (r *Registry) Resume(pool string, after uint64) (s *Subscription, complete bool) {
	h := &r.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if after > h.last || h.last-after > uint64(len(h.recent)) {
		return h.subscribe(pool, nil), false
	}
	var missed []Event
	for n := after + 1; n <= h.last; n++ {
		if e := &h.recent[n%maxRecent]; pool == "" || e.Pool == pool {
			missed = append(missed, *e)
		}
	}
	return h.subscribe(pool, missed), true
}

func (h *hub) subscribe(pool string, missed []Event) *Subscription {
	c := make(chan Event, maxBehind+len(missed))
	for i := range missed {
		c <- missed[i]
	}
	s := &Subscription{C: c, c: c, pool: pool, hub: h}
	if h.subs == nil {
		h.subs = make(map[*Subscription]struct{})
	}
	h.subs[s] = struct{}{}
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
	h.keep(&e)
	for s := range h.subs {
		if s.pool != "" && s.pool != e.Pool {
			continue
		}
		select {
		case s.c <- e:
		default:
			h.end(s)
		}
	}
}

// keep keeps the event in place of the oldest one, if there are as many as may be.
func (h *hub) keep(e *Event) {
	at := int(e.Number % maxRecent)
	for len(h.recent) <= at && len(h.recent) < maxRecent {
		h.recent = append(h.recent, Event{})
	}
	h.recent[at] = *e
}
