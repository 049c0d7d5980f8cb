package pool

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// QueueLimits says how many requests may wait for a slot, and how long. The
// zero value is no queue.
type QueueLimits struct {
	Size    int
	Timeout time.Duration
}

var (
	// ErrQueueFull is returned by Wait when as many requests wait as may.
	ErrQueueFull = errors.New("queue is full")

	// ErrWaitedTooLong is returned by Wait when the time for it is over. It
	// comes with ErrNoBackend or ErrAllFull.
	ErrWaitedTooLong = errors.New("timed out waiting")

	// ErrClosed is returned by Wait when the last config that had the pool has
	// gone, and with it what could have brought up a backend.
	ErrClosed = errors.New("pool is no longer in the config")
)

// Queues reports whether requests wait, in a queue, that find no slot.
func (p *Pool) Queues() bool { return p.queue.size.Load() > 0 }

// Wait gets a slot for a request that Acquire had none for, as soon as the
// request's turn comes and there is one. It returns at once if the request may
// not wait, and ends early with the context, whose error it returns then.
//
// Requests wait if the pool has a queue, for as long in total as the queue
// allows, but not beyond until, unless that is zero. In a pool without a queue,
// requests wait that have a time until which to do so, such as for a retry.
func (p *Pool) Wait(ctx context.Context, q *Request, until time.Time) (*Member, error) {
	if until.IsZero() && p.queue.size.Load() == 0 && p.queue.general.Load() == 0 {
		return nil, p.snap.Load().refusal(q)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if n := p.queue.overflow(); n > 0 && p.snap.Load().sessions == nil {
		// cheaply, as this is when there is most to do
		return nil, p.queue.refuse(n)
	}
	w, err := p.enter(q, until)
	if err != nil {
		return nil, err
	}
	select {
	case m := <-w.slot:
		return handed(m)
	default:
	}
	if q.OnWait != nil {
		q.OnWait()
	}
	timer := time.NewTimer(w.until.Sub(w.since))
	defer timer.Stop()
	select {
	case m := <-w.slot:
		return handed(m)
	case <-timer.C:
		err = ErrWaitedTooLong
	case <-ctx.Done():
		err = ctx.Err()
	}
	return p.leave(ctx, w, err)
}

// handed returns what a waiter was handed: nil if nobody waits any more.
func handed(m *Member) (*Member, error) {
	if m == nil {
		return nil, ErrClosed
	}
	return m, nil
}

// enter puts the request into the queue, or gives it a slot at once. If neither
// is possible it returns why.
func (p *Pool) enter(q *Request, until time.Time) (w *waiter, err error) {
	s := &p.queue
	s.mu.Lock()
	defer s.mu.Unlock()
	w = &waiter{q: q, since: time.Now(), until: until, slot: make(chan *Member, 1)}
	size := s.size.Load()
	if limit := w.since.Add(s.timeout - q.waited); size > 0 && (until.IsZero() || limit.Before(until)) {
		w.until = limit
	}
	s.last++
	w.ticket, q.ticket = s.last, s.last
	// from here on those who publish see that somebody waits, so what they
	// published before is the least that is seen here
	waiting := s.total.Add(1)
	snap := p.snap.Load()
	own := snap.own(q)
	l := s.lineOf(own.backend())
	s.place(w, own.backend(), l, l.tail)
	switch {
	case p.serve(snap, w, own):
	case s.closed:
		s.dismiss(w)
		return nil, ErrClosed
	case size == 0 && until.IsZero():
		s.dismiss(w)
		return nil, snap.refusal(q)
	case size == 0 || waiting <= size:
		w.joined = true
		s.stats.waited++
	case own != nil && s.any.head == nil && p.serveAway(snap, w):
	default:
		s.dismiss(w)
		return nil, s.refuse(waiting - 1)
	}
	return w, nil
}

// leave ends the wait of w because of err, unless it has got a slot meanwhile.
func (p *Pool) leave(ctx context.Context, w *waiter, err error) (*Member, error) {
	s := &p.queue
	s.mu.Lock()
	waits := w.line != nil
	if waits {
		s.dismiss(w)
		s.stats.gone(err)
	}
	s.mu.Unlock()
	switch {
	case !waits && ctx.Err() != nil:
		if m := <-w.slot; m != nil {
			m.Release()
		}
		return nil, ctx.Err()
	case !waits:
		return handed(<-w.slot)
	case errors.Is(err, ErrWaitedTooLong):
		return nil, p.waitedTooLong(w)
	}
	return nil, err
}

func (p *Pool) waitedTooLong(w *waiter) error {
	waited := w.q.waited.Round(time.Millisecond)
	if w.own != nil {
		return fmt.Errorf("%w %s for backend %q of the session: %w", ErrWaitedTooLong, waited, w.own.id, ErrAllFull)
	}
	return fmt.Errorf("%w %s for a backend: %w", ErrWaitedTooLong, waited, p.snap.Load().refusal(w.q))
}

// serve gives w a slot if there is one, and nobody else is to get it before.
// own is the only backend that w may get one on; nil: any.
func (p *Pool) serve(snap *Snapshot, w *waiter, own *Member) bool {
	switch {
	case own == nil:
		return p.queue.any.head == w && p.serveOther(snap, w)
	case p.queue.firstFor(own) != w || !w.q.Take(own):
		return false
	}
	own.assigned(w.q)
	p.queue.hand(w, own)
	return true
}

// serveOther gives w a slot on what the policy picks.
func (p *Pool) serveOther(snap *Snapshot, w *waiter) bool {
	m := snap.pickAny(w.q)
	if m == nil {
		return false
	}
	if !m.current() && p.snap.Load() != snap {
		// as in Acquire; whoever has published the newer snapshot gives us
		// another chance
		m.free()
		return false
	}
	m.taken()
	p.queue.hand(w, m)
	return true
}

// serveAway is serveOther for a request whose own backend has no room. Its
// session stays where it is.
func (p *Pool) serveAway(snap *Snapshot, w *waiter) bool {
	w.q.session.away = true
	return p.serveOther(snap, w)
}

// offer gives a slot that has become free on b to who is first in line for it.
func (p *Pool) offer(b *Backend) {
	s := &p.queue
	s.mu.Lock()
	defer s.mu.Unlock()
	m := b.member.Load()
	if m == nil {
		return
	}
	// All others that would do are full, or nobody would be waiting: there is
	// nothing for the policy to choose from.
	if w := s.firstFor(m); w != nil && w.q.takeAny(m) {
		m.assigned(w.q)
		s.hand(w, m)
	}
}

// rouse gives slots to as many waiters as the current snapshot has room for.
func (p *Pool) rouse() {
	s := &p.queue
	if s.total.Load() == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	snap := p.snap.Load()
	for _, w := range s.all() {
		own := snap.own(w.q)
		if l := s.lineOf(own.backend()); w.own != own.backend() {
			s.take(w)
			s.place(w, own.backend(), l, l.cursor)
		}
		if l := w.line; !p.serve(snap, w, own) {
			l.cursor = w
		}
	}
}
