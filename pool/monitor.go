package pool

import (
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// Monitor watches backends and reports their health with [Pool.SetHealth]. It
// is called with the pool locked, so it must not call the pool synchronously.
type Monitor interface {
	// Watch makes the monitor watch exactly these backends of the pool.
	// Backends that it watches already keep their state; changed settings
	// take effect at the next probe; new ones are probed at once. None stops
	// watching the pool.
	Watch(p *Pool, targets []Target)
}

// Target is a backend to be watched.
type Target struct {
	Backend   *Backend
	Settings  config.ActiveHealth // complete, with defaults
	Connector Connector
}

// Observer learns the outcome of every attempt, for passive health checks. It
// is called on the request's goroutine.
type Observer interface {
	Observe(m *Member, o Outcome)
}

// Verdict says how an attempt ended, in terms of whom to blame.
type Verdict uint8

const (
	// Answered: the backend sent a response, whatever its status.
	Answered Verdict = iota
	// Failed: the backend could not be reached or misbehaved.
	Failed
	// ClientFault: the client left or sent something malformed; says nothing
	// about the backend.
	ClientFault
	// LocalFault: this machine lacked resources, such as file descriptors.
	LocalFault
)

// Outcome is the result of one attempt on a backend.
type Outcome struct {
	Verdict Verdict
	Status  int           // of the response; 0 if there was none
	Latency time.Duration // until the head of the response
	Err     error         // why it failed

	// ClientTime is the part of Latency in which the client was waited for, as
	// it had yet to send more of the request's body.
	ClientTime time.Duration

	// Late says that the attempt was reported as Answered before: the
	// response has failed behind its head.
	Late bool
}
