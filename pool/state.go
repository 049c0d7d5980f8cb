package pool

import (
	"fmt"
	"time"
)

// AdminState is what the operator wants of a backend.
type AdminState string

const (
	// Ready backends take requests, if their health allows.
	Ready AdminState = "ready"
	// Drain takes no new requests; those in flight finish. Health checks
	// continue.
	Drain AdminState = "drain"
	// Maintenance takes no requests, and health checks stop.
	Maintenance AdminState = "maintenance"
)

// ParseAdminState returns the admin state named s.
func ParseAdminState(s string) (AdminState, error) {
	switch a := AdminState(s); a {
	case Ready, Drain, Maintenance:
		return a, nil
	}
	return "", fmt.Errorf("admin_state %q is none of %q, %q, %q", s, Ready, Drain, Maintenance)
}

// Health is what the health checks observed of a backend.
type Health string

const (
	// Unknown is the health before the first probe has ended.
	Unknown Health = "unknown"
	// Up backends passed enough probes.
	Up Health = "up"
	// Down backends failed enough probes.
	Down Health = "down"
)

// Source says where a backend comes from.
type Source string

const (
	// FromConfig backends are listed in the configuration.
	FromConfig Source = "config"
	// FromRuntime backends were added through the admin API.
	FromRuntime Source = "runtime"
	// FromDiscovery backends were found by a discovery source such as DNS.
	FromDiscovery Source = "discovery"
)

// condition is everything that decides whether a backend accepts.
type condition struct {
	admin        AdminState
	health       Health
	healthReason string
	startsDown   bool // unknown health counts as down
	drained      bool // its drain is over: not even sessions go on
	ejection     ejection
}

// state is the word for what a backend is, taken together.
type state string

const (
	stateUp          state = "up"
	stateProbing     state = "probing"
	stateDown        state = "down"
	stateEjected     state = "ejected"
	stateDraining    state = "draining"
	stateMaintenance state = "maintenance"
	stateWaiting     state = "waiting"
)

// accepts decides whether a backend in that state takes new requests, as far as
// its state is concerned. One that is probing takes one at a time, while others
// are up. That, like max_requests, is seen to by the pick itself.
func (s state) accepts() bool { return s == stateUp || s == stateProbing }

// state decides what a backend is at time now. Together with accepts, this is
// the only place that decides who takes new requests.
func (c *condition) state(now time.Time) state {
	switch {
	case c.admin == Drain:
		return stateDraining
	case c.admin == Maintenance:
		return stateMaintenance
	case c.ejection.out(now):
		return stateEjected
	case c.health == Down:
		return stateDown
	case !c.up():
		return stateWaiting
	case c.ejection.trial != nil:
		return stateProbing
	}
	return stateUp
}

// up reports whether nothing that health checks have seen, or have yet to see,
// keeps the backend out.
func (c *condition) up() bool {
	return c.health != Down && (c.health != Unknown || !c.startsDown)
}

// reason says why a backend in that state takes no requests, or few.
func (c *condition) reason(s state) string {
	switch s {
	case stateDraining:
		if c.drained {
			return "drained"
		}
		return "draining"
	case stateMaintenance:
		return "in maintenance"
	case stateEjected:
		return "ejected: " + c.ejection.reason
	case stateProbing:
		return "returning: one request at a time until one succeeds"
	case stateDown:
		return "down: " + c.healthReason
	case stateWaiting:
		return "waiting for its first health check"
	}
	return ""
}

// acceptingDespiteHealth decides whether a backend takes new requests with its
// health ignored.
func (c *condition) acceptingDespiteHealth() bool {
	return c.admin == Ready || c.admin == ""
}
