package pool

import (
	"fmt"
	"strings"
	"time"
)

// DrainView is how far a drain has come.
type DrainView struct {
	Since    time.Time
	Deadline time.Time // zero: none
	Then     Then

	// Done says that nothing is left at the backend, or that the deadline has
	// passed and its tunnels have ended; and that what follows, if anything,
	// was carried out.
	Done bool

	// WaitingFor says what has yet to end, for people; empty if Done.
	WaitingFor string

	// Ending says that nothing is waited for that takes time.
	Ending bool
}

// viewDrain returns how far the drain of a backend has come, nil if it does not
// drain.
func (p *Pool) viewDrain(b *Backend, spec *Spec, now time.Time) *DrainView {
	if spec.AdminState != Drain {
		return nil
	}
	d := &b.drain
	v := &DrainView{Since: spec.Drain.Since, Deadline: spec.Drain.Deadline, Then: spec.Drain.Then}
	if v.Since.IsZero() {
		v.Since = b.changedAt // the config has it drain
	}
	switch {
	case d.phase == over && d.failure != "":
		v.WaitingFor = fmt.Sprintf("%q to succeed: %s", d.plan.Then, d.failure)
	case d.follows():
		v.WaitingFor, v.Ending = fmt.Sprintf("%q to be carried out", d.plan.Then), true
	case d.phase == over && d.plan.ends():
		v.Done = true
	case d.phase == closing:
		v.WaitingFor = count(b.tunnels.Load(), "tunnel", "tunnels") + " to close"
	default:
		v.WaitingFor = p.waitsFor(b, now)
		v.Done = v.WaitingFor == "" && d.phase == over
		if !v.Done && v.WaitingFor == "" {
			v.WaitingFor, v.Ending = "nothing any more: it ends in a moment", true
		}
	}
	return v
}

// waitsFor says what a backend has left to do.
func (p *Pool) waitsFor(b *Backend, now time.Time) string {
	var parts []string
	tunnels := b.tunnels.Load()
	if requests := b.inFlight.Load() - tunnels; requests > 0 {
		parts = append(parts, count(requests, "request", "requests"))
	}
	if tunnels > 0 {
		parts = append(parts, count(tunnels, "tunnel", "tunnels"))
	}
	if b.awaited.Load() != 0 {
		parts = append(parts, "requests in the queue")
	}
	if until := p.sessionsUntil(b, now); now.Before(until) {
		parts = append(parts, fmt.Sprintf("sessions, which count as ended if no client comes for %s", until.Sub(now).Round(time.Second)))
	}
	return strings.Join(parts, ", ")
}

func count(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
