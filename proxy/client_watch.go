package proxy

import (
	"context"
	"time"
)

// hangupInterval is how often the connection of a client is looked at whose
// request waits and whose body is not being read.
const hangupInterval = 250 * time.Millisecond

// waitContext returns a context for a wait of the request. It ends early if the
// client leaves or what comes of its body is bad, from when watch is called until
// end is. Both may be called in any case.
func (x *exchange) waitContext() (ctx context.Context, watch, end func()) {
	ctx = x.r.Context()
	if x.body == nil || x.r.ProtoMajor != 1 {
		return ctx, func() {}, func() {} // the server sees to it
	}
	ctx, cancel := context.WithCancel(ctx)
	watch = func() { x.body.readAhead(cancel, func() { x.watchHangup(ctx, cancel) }) }
	end = func() {
		if ctx.Err() != nil && x.body.failure() == nil {
			x.r = x.r.WithContext(ctx) // the server does not know yet
		}
		cancel()
		x.body.pauseAhead()
	}
	return ctx, watch, end
}

// watchHangup calls left if the client closes its connection, or its half of it,
// before ctx ends. What it has sent before, and nobody has read, does not matter.
func (x *exchange) watchHangup(ctx context.Context, left func()) {
	socket := clientSocket(ctx)
	if socket == nil {
		return
	}
	go func() {
		tick := time.NewTicker(hangupInterval)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if hungUp(socket) {
					left()
					return
				}
			}
		}
	}()
}
