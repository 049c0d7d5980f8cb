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

// accepting decides whether a backend takes new requests at time now, as far
// as its state is concerned, and if not, why. It is the only place that
// decides this; a full backend (max_requests) accepts by state, and is passed
// over by the pick itself.
func (c condition) accepting(now time.Time) (ok bool, reason string) {
	switch c.admin {
	case Drain:
		return false, "draining"
	case Maintenance:
		return false, "in maintenance"
	}
	switch {
	case now.Before(c.ejectedUntil):
		return false, "ejected: " + c.ejectReason
	case c.health == Down:
		return false, "down: " + c.healthReason
	case c.health == Unknown && c.startsDown:
		return false, "waiting for its first health check"
	}
	return true, ""
}

// acceptingDespiteHealth decides as accepting does, with health ignored.
func (c condition) acceptingDespiteHealth() bool {
	return c.admin == Ready || c.admin == ""
}
