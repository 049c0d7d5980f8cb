package pool

import (
	"strings"
	"time"
)

// Names of events. State changes carry the reason and how long the last state
// has lasted.
const (
	EventUp          = "backend_up"
	EventDown        = "backend_down"
	EventEjected     = "backend_ejected"
	EventKept        = "backend_kept"
	EventProbing     = "backend_probing"
	EventReturned    = "backend_returned"
	EventDraining    = "backend_draining"
	EventMaintenance = "backend_maintenance"
	EventReady       = "backend_ready"
	EventWaiting     = "backend_waiting"
	EventAdded       = "backend_added"
	EventRemoved     = "backend_removed"
	EventChanged     = "backend_changed"
	EventYielded     = "runtime_change_dropped"

	EventDrainFinished = "drain_finished"
)

// Values of [Event.By] for changes that nobody asked for at runtime.
const (
	ByConfig    = "config"
	ByDiscovery = "discovery"
)

// Event is a change of a backend, for logs, Caddy's events and metrics.
type Event struct {
	Number  uint64 // grows with every event of all pools; 0 in a Sink
	Name    string
	At      time.Time
	Pool    string
	Backend string // its id
	Address string
	Reason  string
	Lasted  time.Duration // of the state before; 0 if there was none
	Old     string        // for changes: the values before
	New     string        // for changes: the values after
	Then    Then          // for drains that have finished: what has followed
	By      string        // who caused it, e.g. the admin client's address
}

// Asked reports whether this process was asked to make the change. Who took the
// request has logged it then.
func (e *Event) Asked() bool {
	switch e.By {
	case "", ByConfig, ByDiscovery, ByDrain:
		return false
	}
	return !strings.HasSuffix(e.By, atPeer)
}

// Sink takes events. It is called by one goroutine at a time, in order, outside
// of all locks.
type Sink func(Event)
