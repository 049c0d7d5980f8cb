package pool

import (
	"fmt"
	"time"
)

const (
	// sessionQuiet is how long no client may have come whose session belongs
	// to a backend until its sessions count as ended.
	sessionQuiet = 5 * time.Minute

	// closingTime is how long tunnels may take to end once the deadline has
	// passed. They take leave of both ends within a second or two.
	closingTime = 3 * time.Second

	// queuePoll is how often a drain looks for requests which wait for the
	// backend alone. Those seldom are all that is left.
	queuePoll = 100 * time.Millisecond

	// followRetry is how long a drain waits until it tries again to carry out
	// what follows.
	followRetry = time.Second

	// knownTime is how long other instances may take to know of a drain that
	// could end at once here.
	knownTime = 5 * time.Second

	// longestNap bounds the time to the next look at deadlines, as the clock
	// may be set.
	longestNap = time.Minute
)

// drainPhase is how far a drain has come:
//
//	draining ── nothing is left ────────────────────────────▶ over
//	    │                                                      ▲
//	    └─ deadline ─▶ closing ── no tunnels, or closingTime ──┘
//
// When it is over, what follows is carried out, which ends the draining. If
// nothing does, the backend stays drained.
type drainPhase uint8

const (
	notDraining drainPhase = iota
	draining
	closing
	over
)

// drain is how a backend drains. It is guarded by the pool's mutex.
type drain struct {
	plan    DrainPlan
	phase   drainPhase
	closeBy time.Time // closing: at the latest
	why     string    // over: what has ended it
	retryAt time.Time // over: when what follows is tried next
	trying  bool      // over: what follows is being carried out
	failure string    // over: why that has failed
}

// planDrain makes the backend drain as the spec says, or not drain.
func (b *Backend) planDrain(spec *Spec, silent bool, now time.Time) {
	d := &b.drain
	if spec.AdminState != Drain {
		if d.phase != notDraining {
			*d = drain{}
			b.drainReset()
		}
		return
	}
	if d.phase != notDraining && d.plan == spec.Drain {
		return
	}
	*d = drain{plan: spec.Drain, phase: draining}
	b.drainReset()
	if silent && d.plan.Then == StayDrained && d.passed(now) {
		d.end("")
		b.cond.drained = true
	}
}

// drainReset has the backend as it is before a drain comes to an end.
func (b *Backend) drainReset() {
	b.cond.drained = false
	b.emptying.Store(false)
	b.openTunnels()
}

// passed reports whether the deadline has passed.
func (d *drain) passed(now time.Time) bool {
	return !d.plan.Deadline.IsZero() && !now.Before(d.plan.Deadline)
}

func (d *drain) end(why string) { d.phase, d.why = over, why }

// deadlinePassed says that a drain has ended with some requests left.
func deadlinePassed(inFlight int64) string {
	const passed = "its deadline has passed"
	switch {
	case inFlight <= 0:
		return passed
	case inFlight == 1:
		return passed + "; 1 request is still in flight, and may finish"
	}
	return fmt.Sprintf("%s; %d requests are still in flight, and may finish", passed, inFlight)
}

// follows reports whether something that follows has yet to be carried out.
func (d *drain) follows() bool { return d.phase == over && d.plan.Then != StayDrained }

// step takes a drain as far as it has come. It reports whether that is further
// than before, and returns when to look again; zero: once the backend has been
// emptied, or never.
func (p *Pool) step(b *Backend, now time.Time) (moved bool, next time.Time) {
	d := &b.drain
	if d.phase == draining {
		if d.passed(now) {
			d.phase, d.closeBy, moved = closing, now.Add(closingTime), true
			b.cond.drained = true
			b.endTunnels(time.Time{}, false)
		} else if next = p.busyUntil(b, now); next.Equal(now) {
			b.cond.drained = d.plan.ends()
			d.end("nothing is left")
			return true, now
		} else {
			return false, sooner(next, d.plan.Deadline)
		}
	}
	if d.phase == closing {
		b.emptying.Store(true)
		if b.tunnels.Load() > 0 && now.Before(d.closeBy) {
			return moved, d.closeBy
		}
		b.emptying.Store(false)
		d.end(deadlinePassed(b.inFlight.Load()))
		moved = true
	}
	if d.follows() && !d.trying {
		return moved, sooner(d.retryAt, now.Add(longestNap))
	}
	return moved, time.Time{}
}

// busyUntil returns when to look next whether the backend has anything left to
// do; now: it has not; zero: once it has been emptied.
func (p *Pool) busyUntil(b *Backend, now time.Time) time.Time {
	if until := p.sessionsUntil(b, now); now.Before(until) {
		return until
	}
	b.emptying.Store(true) // before the look: what ends after it is told
	switch {
	case b.inFlight.Load() > 0:
		return time.Time{}
	case b.awaited.Load() != 0:
		return now.Add(queuePoll)
	}
	b.emptying.Store(false)
	return now
}

// sessionsUntil returns until when clients are likely to come whose sessions
// belong to the backend. What was before this process is not known. One that is
// down has none: they have moved.
func (p *Pool) sessionsUntil(b *Backend, now time.Time) time.Time {
	if p.def.Sticky == nil || !b.cond.drains(now) {
		return time.Time{}
	}
	last := b.lastSession()
	if last.Before(b.since) {
		last = b.since
	}
	return last.Add(sessionQuiet)
}

// sooner returns the earlier of two times; zero is never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
