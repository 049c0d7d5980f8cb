package proxy

import (
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// noTimeout is longer than any exchange. Caddy's timeouts have no other word
// for none.
const noTimeout = 100 * 365 * 24 * time.Hour

// limitClient puts in force how long the client may be waited for, as far as
// this is configured here and not for the whole server. It returns what is to
// be done when the exchange is over. The server's limits of whole transfers,
// read_timeout and write_timeout, hold in any case.
func (x *exchange) limitClient() (restore func()) {
	var undo []func()
	reader, writer := caddyhttp.IdleTimeoutsFromContext(x.r.Context())
	rc := http.NewResponseController(x.w)
	if timeout, ok := idleTimeout(x.proxy.cfg.ClientBodyTimeout); ok && x.r.Body != nil {
		switch {
		case reader != nil:
			undo = append(undo, reader.Override(timeout, 0))
		case timeout < noTimeout:
			reader = x.newIdleReader(rc, timeout)
			undo = append(undo, reader.HandlerDone)
			x.r.Body = reader
		}
	}
	if timeout, ok := idleTimeout(x.proxy.cfg.SendTimeout); ok {
		switch {
		case writer != nil:
			undo = append(undo, writer.Override(timeout, 0, 0))
		case timeout < noTimeout:
			writer = x.newIdleWriter(rc, timeout)
			undo = append(undo, writer.HandlerDone)
			x.w = writer
		}
	}
	x.reader = reader
	return func() {
		for _, f := range undo {
			f()
		}
	}
}

func idleTimeout(configured *caddy.Duration) (timeout time.Duration, ok bool) {
	switch {
	case configured == nil:
		return 0, false
	case *configured == 0:
		return noTimeout, true
	}
	return time.Duration(*configured), true
}

func (x *exchange) newIdleReader(rc *http.ResponseController, timeout time.Duration) *caddyhttp.IdleTimeoutReader {
	return &caddyhttp.IdleTimeoutReader{
		ReadCloser: x.r.Body, Ctrl: rc, Logger: x.proxy.logger,
		Deadline:          caddyhttp.IdleDeadline{Start: x.start, Timeout: timeout},
		DrainDeadline:     x.r.ProtoMajor == 1 && x.r.ContentLength != 0,
		ClearBetweenReads: x.r.ProtoMajor == 2,
	}
}

func (x *exchange) newIdleWriter(rc *http.ResponseController, timeout time.Duration) *caddyhttp.IdleTimeoutWriter {
	return &caddyhttp.IdleTimeoutWriter{
		ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: x.w}, Ctrl: rc, Logger: x.proxy.logger,
		Deadline:           caddyhttp.IdleDeadline{Start: x.start, Timeout: timeout},
		ClearBetweenWrites: x.r.ProtoMajor == 2,
	}
}

// converse lifts the limits on the request's body if the backend has answered
// before its end, of which nobody knows when it comes. Such a body is one side
// of a conversation, in which to be silent is no fault: it lasts for as long as
// the backend wants. Clients of HTTP/1 do not talk like that.
func (x *exchange) converse() {
	if x.body == nil || x.r.ProtoMajor < 2 || x.r.ContentLength >= 0 || x.body.complete() {
		return
	}
	x.body.setEndless()
	x.body.restore = x.waitForClient()
}

// waitForClient has the client be waited for, for as long as it takes, until
// the returned function is called.
func (x *exchange) waitForClient() (restore func()) {
	reader := x.reader
	if reader == nil {
		reader, _ = caddyhttp.IdleTimeoutsFromContext(x.r.Context())
	}
	if reader == nil {
		return func() {}
	}
	return reader.Override(noTimeout, 0)
}

// isGRPC reports whether the request is a call of gRPC, whose body may be one
// side of a conversation from its beginning.
func isGRPC(r *http.Request) bool {
	kind := r.Header["Content-Type"]
	return r.ProtoMajor >= 2 && len(kind) > 0 && strings.HasPrefix(kind[0], "application/grpc")
}
