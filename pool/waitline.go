package pool

import "time"

// waiter is a request that waits for a slot. What changes of it, and of its
// Request, is guarded by the queue's mutex.
type waiter struct {
	q      *Request
	ticket uint64 // the order in which requests came
	since  time.Time
	until  time.Time
	own    *Backend     // the only one that may serve it; nil: any may
	slot   chan *Member // has room for the one that it gets
	joined bool         // it had to wait

	line       *line // that it stands in; nil: it has left the queue
	prev, next *waiter
}

// line is a list of waiters by ascending ticket.
type line struct {
	head, tail *waiter
	size       int64

	// cursor is the last waiter which a pass through all waiters has left in
	// the line, so that it knows where to insert one with the next ticket.
	cursor *waiter
}

// insert puts w behind another waiter of the line; nil is in front of all.
func (l *line) insert(w, behind *waiter) {
	w.line, w.prev = l, behind
	if behind != nil {
		w.next, behind.next = behind.next, w
	} else {
		w.next, l.head = l.head, w
	}
	if w.next != nil {
		w.next.prev = w
	} else {
		l.tail = w
	}
	l.size++
}

func (l *line) remove(w *waiter) {
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		l.head = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	} else {
		l.tail = w.prev
	}
	if l.cursor == w {
		l.cursor = w.prev
	}
	w.line, w.prev, w.next = nil, nil, nil
	l.size--
}
