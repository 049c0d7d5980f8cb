package pool

import (
	"context"
	"sync"
	"time"
)

// exit is the end of the process, as far as tunnels are concerned: servers
// do not know of connections that were taken from them.
type exit struct {
	begun chan struct{}
	grace time.Duration // set before begun is closed

	mu      sync.Mutex
	tunnels int
	none    chan struct{} // closed when there is no tunnel; nil: nobody waits
	timer   *time.Timer
	once    sync.Once
}

func (e *exit) add() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.tunnels++
}

func (e *exit) done() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.tunnels--; e.tunnels == 0 && e.none != nil {
		close(e.none)
		e.none = nil
	}
}

// Exit has all tunnels of all pools end after a delay, as the process stops.
// From then on, those that may outlive their pool may do so for grace at most.
func (r *Registry) Exit(delay, grace time.Duration) {
	e := &r.exit
	e.once.Do(func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.grace = grace
		if delay <= 0 {
			close(e.begun)
			return
		}
		e.timer = time.AfterFunc(delay, func() { close(e.begun) })
	})
}

// AwaitTunnels returns when there are no tunnels any more, or with the error of
// the context.
func (r *Registry) AwaitTunnels(ctx context.Context) error {
	e := &r.exit
	e.mu.Lock()
	if e.tunnels == 0 {
		e.mu.Unlock()
		return nil
	}
	if e.none == nil {
		e.none = make(chan struct{})
	}
	none := e.none
	e.mu.Unlock()
	select {
	case <-none:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
