package config

import (
	"fmt"

	"github.com/caddyserver/caddy/v2"
)

// Queue bounds how many requests wait for a backend, and how long.
//
// A request waits if every backend that accepts has as many requests as it may
// have (`max_requests`), and also while no backend accepts, or the pool has
// none. It is served, first come, first served, as soon as a request to one of
// them ends, or a backend is added, comes up or may have more. The wait ends at
// once when the client leaves. Requests that are waiting when the config is
// reloaded go on waiting as long as they would have.
type Queue struct {
	// How many requests may wait at once, for all handlers of the pool
	// together, 1 to 1000000. One more is answered with 503. Required.
	Size int `json:"size"`

	// How long a request may wait in total, over all its attempts, before it
	// is answered with 503. Required.
	Timeout caddy.Duration `json:"timeout"`
}

func (q *Queue) validate() error {
	if q == nil {
		return nil
	}
	if q.Size < 1 || q.Size > MaxQueueSize {
		return fmt.Errorf("queue: size %d is not within 1 to %d", q.Size, MaxQueueSize)
	}
	if q.Timeout <= 0 {
		return fmt.Errorf("queue: timeout %s is not positive", duration(q.Timeout))
	}
	return nil
}
