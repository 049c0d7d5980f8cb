package proxy

import (
	"context"
	"errors"
	"net/http"
	"os"
	"sync"
	"time"
)

// http1Exchange is the carrier of an attempt that goes over the HTTP/1.1
// transport: one request and its response on one connection.
type http1Exchange struct {
	a    *attempt
	t    *http1Transport
	conn *http1Conn  // nil: none yet, or given back
	stop func() bool // stops waiting for the client to leave; nil: nobody does

	http1Buffer

	wrote   bool // bytes of the request may have reached the backend
	got     bool // bytes of a response have come
	upload  *upload
	waiting bool // for 100 (Continue), before the body is sent

	// of the response
	frame   framing
	heads   int      // bytes of all heads
	interim int      // number of 1xx responses
	options []string // of Connection
	phase   phase
	left    int64 // bytes of the body
	chunks  chunkScanner
	bad     error // comes after what was received before it
	merged  bool  // the header is in the client's already

	mu       sync.Mutex // for what the upload has to do with
	headDone bool       // the head of the response is there
	headBy   time.Time  // when it must be; zero: any time
	wroteAt  time.Time  // when a piece of the body was written last
}

// start begins a round.
func (h *http1Exchange) start(a *attempt, t *http1Transport) {
	h.a, h.t = a, t
	h.wrote, h.got, h.waiting, h.headDone, h.upload = false, false, false, false, nil
	h.headBy, h.wroteAt = time.Time{}, time.Time{}
}

// roundTrip sends the request over a connection and returns the response once
// its head is there.
func (h *http1Exchange) roundTrip(conn *http1Conn) (*http.Response, error) {
	h.conn = conn
	if err := h.sendRequest(); err != nil {
		return nil, err
	}
	return h.receive()
}

// watchPatience is how long the backend may take, at the most, before the
// exchange begins to care whether the client is still there. Most responses come
// sooner, and to follow a context is not free.
const watchPatience = 200 * time.Millisecond

// watchClient has the exchange end when the client leaves.
func (h *http1Exchange) watchClient() {
	if conn := h.conn; h.stop == nil {
		h.stop = context.AfterFunc(h.a.r.Context(), func() { h.clientGone(conn) })
	}
}

// unwatchClient undoes watchClient. It reports false if the client has left, and
// the connection is being closed.
func (h *http1Exchange) unwatchClient() bool {
	stop := h.stop
	h.stop = nil
	return stop == nil || stop()
}

// clientGone ends the exchange when the client has left. Its context may be
// canceled only because a read of its body was ended from here.
func (h *http1Exchange) clientGone(conn *http1Conn) {
	if _, canceled := h.a.body.wasCut(); !canceled {
		_ = conn.Close()
	}
}

// mayRepeat reports whether, after err, the request may be sent once more
// on a new connection: if this one had been idle and the backend has closed it
// without an answer, presumably before it saw the request. One that takes too
// long has not. What a backend may have acted on is repeated only if that makes
// no difference (RFC 9110, section 9.2.2).
func (h *http1Exchange) mayRepeat(err error) bool {
	if !h.conn.used || h.got || errors.Is(err, os.ErrDeadlineExceeded) || h.a.r.Context().Err() != nil || h.a.body.failure() != nil {
		return false
	}
	return h.a.body.repeatable() && (!h.wrote || isReplayable(h.a.method))
}

func isReplayable(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return false
}

// sent implements carrier.
func (h *http1Exchange) sent() bool { return h.wrote }

// cause implements carrier.
func (h *http1Exchange) cause(err error) error {
	if stuck := h.upload.stuckError(); stuck != nil {
		return stuck
	}
	return err
}

// connectionOptions implements carrier.
func (h *http1Exchange) connectionOptions() []string { return h.options }

// finish gives the connection back once the response was received whole, if it
// can be used for another exchange.
func (h *http1Exchange) finish() {
	conn := h.conn
	if conn == nil {
		return
	}
	good := !h.frame.closes && h.frame.minor == '1' && h.r == h.w && h.uploaded()
	if left := !h.unwatchClient(); good && !left {
		h.conn = nil
		h.t.keep(conn)
		return
	}
	h.discard()
}

// discard closes the connection.
func (h *http1Exchange) discard() {
	if h.conn == nil {
		return
	}
	h.unwatchClient()
	_ = h.conn.Close()
	h.conn = nil
}

// end implements carrier.
func (h *http1Exchange) end() {
	h.discard()
	if h.upload != nil && !h.waiting {
		_ = h.upload.body.Close()
		<-h.upload.done
	}
	h.release()
}

// write writes to the backend.
func (h *http1Exchange) write(conn *http1Conn, b []byte) error {
	h.limitWrite(conn)
	if _, err := conn.Write(b); err != nil {
		return &exchangeError{"writing request", err}
	}
	return nil
}

// exchangeError is a failure of the connection to the backend.
type exchangeError struct {
	what string
	err  error
}

// Error implements error.
func (e *exchangeError) Error() string { return e.what + ": " + e.err.Error() }

// Unwrap returns the cause.
func (e *exchangeError) Unwrap() error { return e.err }

var _ carrier = (*http1Exchange)(nil)
