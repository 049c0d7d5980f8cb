package pool

import (
	"fmt"
	"time"
)

// Then is what follows the end of a drain.
type Then string

const (
	// StayDrained leaves the backend as it is.
	StayDrained Then = ""
	// ThenRemove removes the backend.
	ThenRemove Then = "remove"
	// ThenMaintenance puts the backend into maintenance.
	ThenMaintenance Then = "maintenance"
)

// ParseThen returns what is named s.
func ParseThen(s string) (Then, error) {
	switch t := Then(s); t {
	case ThenRemove, ThenMaintenance:
		return t, nil
	}
	return "", fmt.Errorf("then %q is neither %q nor %q", s, ThenRemove, ThenMaintenance)
}

// DrainPlan is how long a backend drains, and what follows. It belongs to the
// admin state [Drain], and is zero in any other, or if the config has the
// backend drain. It can be compared with ==.
type DrainPlan struct {
	Since    time.Time // when the drain began
	Deadline time.Time // at the latest; zero: none
	Then     Then
}

// normal returns the plan with times that compare equal after they were stored
// and read again.
func (d DrainPlan) normal() DrainPlan {
	d.Since, d.Deadline = wallTime(d.Since), wallTime(d.Deadline)
	return d
}

func wallTime(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Millisecond)
}

// ends reports whether the drain ends by itself.
func (d *DrainPlan) ends() bool { return !d.Deadline.IsZero() || d.Then != StayDrained }

// settleDrain gives a spec that replaces was, nil for none, the plan that goes
// with its admin state: one that drains on goes on with the plan that it has,
// unless it is given another one.
func (s *Spec) settleDrain(was *Spec, now time.Time) {
	if s.AdminState != Drain {
		s.Drain = DrainPlan{}
		return
	}
	if was != nil && was.AdminState == Drain {
		if s.Drain == (DrainPlan{}) {
			s.Drain = was.Drain
			return
		}
		if s.Drain.Since.IsZero() {
			s.Drain.Since = was.Drain.Since
		}
	}
	if s.Drain.Since.IsZero() {
		s.Drain.Since = now
	}
	s.Drain = s.Drain.normal()
}

// deadlineText returns the deadline for people.
func (d DrainPlan) deadlineText() string {
	if d.Deadline.IsZero() {
		return "none"
	}
	return d.Deadline.Format(time.RFC3339)
}
