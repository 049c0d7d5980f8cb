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
	ejectedUntil time.Time
	ejectReason  string
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

// state decides what a backend is at time now. It takes new requests, as far as
// its state is concerned, if it is up; this is the only place that decides
// this. A full backend (max_requests) is up, and is passed over by the pick
// itself.
func (c *condition) state(now time.Time) state {
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

// reason says why a backend in that state takes no requests.
func (c *condition) reason(s state) string {
	switch s {
	case stateDraining:
		return "draining"
	case stateMaintenance:
		return "in maintenance"
	case stateEjected:
		return "ejected: " + c.ejectReason
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
