package pool

import (
	"sync"
	"time"
)

// emit queues an event for subscribers and the definition's sink. The pool's
// mutex is held.
func (p *Pool) emit(e Event) {
	if len(p.claims) == 0 {
		return
	}
	e.At, e.Pool = time.Now(), p.name
	p.events.add(queued{p.hub, p.def.Sink, e})
}

const (
	// maxQueuedEvents bounds the memory that a slow sink can cost.
	maxQueuedEvents = 1 << 16

	// eventsPerBlock is how many events are allocated together at most.
	eventsPerBlock = 1 << 8
)

// eventQueue hands events to sinks in order, on a goroutine that exists only
// while there are any, so that nobody waits for a sink with a lock held.
type eventQueue struct {
	mu      sync.Mutex
	blocks  [][]queued // so that no event is copied when there are many
	count   int
	running bool
}

type queued struct {
	hub   *hub
	sink  Sink
	event Event
}

func (q *queued) hand() {
	q.hub.publish(q.event)
	if q.sink != nil {
		q.sink(q.event)
	}
}

func (q *eventQueue) add(item queued) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.count >= maxQueuedEvents {
		return
	}
	last := len(q.blocks) - 1
	if last < 0 || len(q.blocks[last]) == eventsPerBlock {
		size := eventsPerBlock
		if last < 0 {
			size = 1 // there is seldom a second
		}
		q.blocks = append(q.blocks, make([]queued, 0, size))
		last++
	}
	q.blocks[last] = append(q.blocks[last], item)
	q.count++
	if !q.running {
		q.running = true
		go q.run()
	}
}

func (q *eventQueue) run() {
	for {
		q.mu.Lock()
		batch := q.blocks
		q.blocks, q.count = nil, 0
		if len(batch) == 0 {
			q.running = false
			q.mu.Unlock()
			return
		}
		q.mu.Unlock()
		for _, block := range batch {
			for i := range block {
				block[i].hand()
			}
		}
	}
}
