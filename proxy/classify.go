package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
	"github.com/caddy-loadbalance/caddy-loadbalance/shortage"
)

// statusClientGone is what the access log shows when the client has left
// before it was answered. There is no standard code; this one is customary.
const statusClientGone = 499

// failure is an attempt, or an exchange, that came to nothing.
type failure struct {
	err     error
	status  int          // to answer with
	verdict pool.Verdict // whom to blame
	sent    bool         // something of the request may have reached a backend
	refused bool         // the backend has had no work with it
	shown   bool         // the client has got something of the backend
	match   bool         // a response that is to be retried, not an error
}

// classify says what the error of a round trip means.
func (x *exchange) classify(err error, sent bool) *failure {
	cause := x.body.failure()
	if x.r.Context().Err() != nil && !errors.Is(x.r.Context().Err(), context.DeadlineExceeded) && !isTimeout(cause) {
		return &failure{err: err, status: statusClientGone, verdict: pool.ClientFault, sent: sent}
	}
	if cause != nil {
		f := x.clientFailure(cause)
		f.sent = sent
		return f
	}
	f := &failure{err: err, status: http.StatusBadGateway, verdict: pool.Failed, sent: sent, refused: !sent && isRefusal(err)}
	lacking := shortage.Of(err)
	switch {
	case lacking != "":
		shortage.Report(x.proxy.logger, lacking, err)
		f.status, f.verdict = http.StatusServiceUnavailable, pool.LocalFault
	case isTimeout(err):
		f.status = http.StatusGatewayTimeout
	}
	return f
}

// clientFailure says what an error of reading the client's body means.
func (x *exchange) clientFailure(err error) *failure {
	f := &failure{err: fmt.Errorf("reading request body: %w", err), status: http.StatusBadRequest, verdict: pool.ClientFault}
	var handler caddyhttp.HandlerError
	var tooLarge *http.MaxBytesError
	var op *net.OpError
	switch {
	case errors.As(err, &handler) && handler.StatusCode != 0:
		f.err, f.status = err, handler.StatusCode
	case errors.As(err, &tooLarge):
		f.status = http.StatusRequestEntityTooLarge
	case isTimeout(err):
		// net/http's HTTP/1 server takes this for the client's leaving as well
		f.status = http.StatusRequestTimeout
	case x.r.Context().Err() != nil:
		f.status = statusClientGone
	case errors.As(err, &op) || errors.Is(err, io.ErrClosedPipe):
		f.status = statusClientGone
	}
	return f
}

// isTimeout reports whether err is a timeout, however deep it is wrapped.
func isTimeout(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, syscall.ETIMEDOUT) {
		return true
	}
	for err != nil {
		if t, ok := err.(interface{ Timeout() bool }); ok && t.Timeout() {
			return true
		}
		err = errors.Unwrap(err)
	}
	return false
}
