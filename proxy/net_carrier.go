package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// netCarrier is the carrier of an attempt that goes over net/http's client.
type netCarrier struct {
	a      *attempt
	guard  atomic.Pointer[guardConn] // of the connection in use, if guarded
	ctx    context.Context
	cancel context.CancelFunc
	limit  time.Duration
	watch  *takeWatch // nil: none
}

// newNetCarrier makes a the attempt of a new carrier. The backend may leave the
// request untaken for as long as limit says; 0 is no limit.
func newNetCarrier(a *attempt, limit time.Duration) *netCarrier {
	c := &netCarrier{a: a, limit: limit}
	c.ctx, c.cancel = a.attemptContext()
	a.carrier = c
	return c
}

// attemptContext returns the context of an attempt. It ends with the client's,
// unless that was canceled only because a read of the request's body was ended
// from here: what has come of the response is still to be had.
func (x *exchange) attemptContext() (context.Context, context.CancelFunc) {
	parent := x.r.Context()
	if x.body == nil || x.r.ProtoMajor != 1 {
		return context.WithCancel(parent)
	}
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(parent))
	stop := context.AfterFunc(parent, func() {
		if _, canceled := x.body.wasCut(); !canceled {
			cancel(context.Cause(parent))
		}
	})
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// maxStale is how many dead idle connections an attempt puts up with. After the
// restart of a backend all of them are.
const maxStale = 256

// roundTrip sends the request, on another connection if the one it was given
// turns out to be dead.
func (c *netCarrier) roundTrip(ctx context.Context, rt http.RoundTripper, aim func(*http.Request)) (*http.Response, error) {
	ctx = httptrace.WithClientTrace(ctx, c.trace())
	c.watch = watchTaking(c.limit, c.cancel)
	defer c.watch.end()
	for tries := 0; ; tries++ {
		out, err := c.request(ctx)
		if err != nil {
			return nil, err
		}
		aim(out)
		res, err := rt.RoundTrip(out)
		if err == nil || tries == maxStale || !c.stale() {
			return res, err
		}
	}
}

// request returns the request for one round trip.
func (c *netCarrier) request(ctx context.Context) (*http.Request, error) {
	a := c.a
	out, err := a.request()
	if err != nil {
		return nil, err
	}
	out = out.WithContext(ctx)
	target := *out.URL
	out.URL = &target
	if a.body == nil {
		return out, nil
	}
	if isGRPC(a.r) {
		a.body.setEndless()
	}
	if len(a.trailer) > 0 || a.length < 0 {
		out.Trailer = a.trailer.Clone()
	}
	body := newAttemptBody(a.body, &c.guard, out.Trailer)
	body.interim, body.watch = &a.interim, c.watch
	out.Body, out.GetBody, out.ContentLength = body, body.again, a.length
	// net/http sends the body of a refused request in order to keep the
	// connection, which makes the server ask the client for it
	out.Close = a.expect
	return out, nil
}

// stale reports whether the round trip failed on a connection that had died
// while idle, with nothing sent: the backend knows nothing of the request.
// net/http repeats such requests as well, but not all of those with a body.
func (c *netCarrier) stale() bool {
	g := c.guard.Swap(nil)
	if g.stale() && c.a.body.repeatable() && c.a.r.Context().Err() == nil {
		return true
	}
	c.guard.Store(g)
	return false
}

// trace follows the round trip.
func (c *netCarrier) trace() *httptrace.ClientTrace {
	a := c.a
	return &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			g := guardOf(info.Conn)
			c.guard.Store(g)
			c.watch.given()
			if g != nil {
				g.begin(a.method == http.MethodHead, a.upgrade != "")
				if a.body != nil {
					g.tap.follow(a.body.interrupt)
				}
			}
		},
		WroteRequest:   func(httptrace.WroteRequestInfo) { c.watch.taken() },
		Got1xxResponse: a.interim.write,
	}
}

func guardOf(conn net.Conn) *guardConn {
	g, _ := conn.(*guardConn)
	return g
}

// cause implements carrier.
func (c *netCarrier) cause(err error) error {
	if stuck := c.watch.err(); stuck != nil {
		return stuck
	}
	g := c.guard.Load()
	if cut, _ := c.a.body.wasCut(); g != nil && (cut || errors.Is(err, errBodyClosed)) {
		if lost := g.tap.lost(); lost != nil {
			err = fmt.Errorf("connection to the backend was lost: %w", lost)
		}
	}
	if cause := g.cause(); cause != nil && !isTimeout(err) {
		return cause
	}
	return err
}

// sent implements carrier.
func (c *netCarrier) sent() bool {
	g := c.guard.Load()
	return g == nil || !g.untouched()
}

// connectionOptions implements carrier.
func (c *netCarrier) connectionOptions() []string { return c.guard.Load().connectionOptions() }

// end implements carrier.
func (c *netCarrier) end() { c.cancel() }

var _ carrier = (*netCarrier)(nil)
