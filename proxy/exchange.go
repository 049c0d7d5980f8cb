package proxy

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// exchange is one request of a client and what becomes of it.
type exchange struct {
	proxy *Proxy
	w     http.ResponseWriter
	r     *http.Request
	repl  *caddy.Replacer
	start time.Time
	query pool.Request

	reader *caddyhttp.IdleTimeoutReader // limits reads of the body, if known

	// the outgoing request, as far as it does not depend on the backend
	method      string
	path        string      // path and query
	url         *url.URL    // the same; nil as long as nobody needs it
	header      http.Header // nil as long as nobody needs it
	length      int64
	expect      bool        // the client waits for 100 (Continue)
	body        *clientBody // nil: none
	trailer     http.Header // announced; nil: there can be none
	upgrade     string      // the protocol to switch to; "" for none
	connect     bool        // switched to by extended CONNECT
	incremental bool
	forwards    []string // Max-Forwards, if it is one less than it was
	answered    bool     // by this proxy itself

	// of the attempts
	first     attempt
	attempts  int
	retries   int
	waits     int  // for a backend that was tried before
	again     bool // the last attempt was on such a one
	backend   *pool.Member
	network   string // of target
	target    string // host:port of backend, or its socket
	response  *http.Response
	latency   time.Duration
	began     time.Time // of the current attempt
	ended     time.Time // of the last attempt; zero while it goes on
	finished  time.Time // zero while the exchange goes on
	failure   *failure  // of the last attempt, if it failed
	transport bool      // the matchers are asked about a failed transport
}

// run tries backends until one answers or trying has to end.
func (x *exchange) run() error {
	x.query.Reset(x.w, x.r)
	x.proxy.pool.Enter(&x.query)
	defer x.proxy.pool.Leave(&x.query)
	defer x.finish()
	defer x.body.detach()
	for {
		m, err := x.acquire()
		if err != nil {
			x.proxy.pool.CountRefusal(err)
			if x.failure == nil {
				x.failure = &failure{err: err, status: http.StatusServiceUnavailable}
			}
			return x.giveUp()
		}
		x.again = x.query.Tried(m.Backend)
		x.query.MarkTried(m.Backend)
		if x.attempts > 0 {
			x.proxy.pool.CountRetry()
		}
		if x.failure = x.attempt(m); x.failure == nil {
			return nil
		}
		if !x.mayRetry() {
			return x.giveUp()
		}
		x.retries++
	}
}

// finish takes note of the time: that of the end of the last attempt, unless it
// has failed, and something was waited for since.
func (x *exchange) finish() {
	if x.finished = x.ended; x.failure != nil {
		x.finished = time.Now()
	}
}

// refused takes note, for the placeholders, of why a request was not forwarded.
func (x *exchange) refused(err error) {
	var because caddyhttp.HandlerError
	if errors.As(err, &because) && because.Err != nil {
		x.failure = &failure{err: because.Err, status: because.StatusCode}
	}
}

// giveUp ends the exchange with its last failure, unless the client has left
// while it was waiting, or has sent what is no body.
func (x *exchange) giveUp() error {
	err := x.r.Context().Err()
	if err == nil {
		err = x.body.failure()
	}
	if err != nil {
		return x.fail(x.classify(err, true))
	}
	return x.fail(x.failure)
}

// fail ends the exchange with a failure.
func (x *exchange) fail(f *failure) error {
	x.failure = f
	x.closeUnlessComplete()
	switch f.status {
	case statusClientGone:
		x.w.WriteHeader(statusClientGone) // for the access log
		return nil
	case http.StatusServiceUnavailable:
		x.w.Header().Set("Retry-After", "1")
	}
	var answered caddyhttp.HandlerError
	if errors.As(f.err, &answered) && answered.StatusCode == f.status {
		return answered
	}
	return caddyhttp.Error(f.status, f.err)
}

// closeUnlessComplete has the client's HTTP/1 connection closed behind the
// response if its request's body was not read to the end: what is left of it
// must not be taken for another request.
func (x *exchange) closeUnlessComplete() {
	if x.r.ProtoMajor == 1 && x.body != nil && !x.body.complete() {
		x.w.Header().Set("Connection", "close")
	}
}

// refuseIncremental answers a message that asks to be forwarded while it comes
// in, where it would be buffered: RFC 10036, sections 3 and 4.1.
func (x *exchange) refuseIncremental(upstream http.Header) error {
	if name := x.proxy.cfg.ProxyStatusName; name != "" {
		x.w.Header()["Proxy-Status"] = []string{proxyStatus(upstream["Proxy-Status"], name, "incremental_refused")}
	}
	return caddyhttp.Error(http.StatusNotImplemented, errors.New("message asks to be forwarded incrementally, but buffering is configured"))
}

func contentLength(n int64) []string { return []string{strconv.FormatInt(n, 10)} }
