package proxy

import (
	"maps"
	"net/http"
	"net/textproto"
	"sync"
)

const (
	// maxInterimBytes bounds the header fields of all interim responses of an
	// attempt that are passed on.
	maxInterimBytes = 64 << 10
)

// interimWriter passes interim responses (1xx) on to the client. They come on
// a goroutine of the transport, and may still come once the round trip has
// ended.
type interimWriter struct {
	a       *attempt
	mu      sync.Mutex
	stopped bool
	passed  bool // one that is the backend's own
	count   int
	bytes   int
}

// stop ends the passing on.
func (i *interimWriter) stop() {
	i.mu.Lock()
	i.stopped = true
	i.mu.Unlock()
}

// shown reports whether the client has got an interim response that said
// something of the backend. What follows has to come from the same one.
func (i *interimWriter) shown() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.passed
}

// write takes one interim response. 100 is not passed on: it is sent when the
// body is first read, which is after the backend has asked for it.
func (i *interimWriter) write(status int, header textproto.MIMEHeader) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.count++
	for name, values := range header {
		for _, value := range values {
			i.bytes += len(name) + len(value)
		}
	}
	if i.count > maxInterim || i.bytes > maxInterimBytes {
		return malformed("too many interim responses")
	}
	if status == http.StatusSwitchingProtocols {
		return malformed("status 101 in HTTP/2") // in HTTP/1.1 it is no interim response
	}
	if i.stopped || status == http.StatusContinue || !i.a.r.ProtoAtLeast(1, 1) {
		return nil
	}
	fields := http.Header(header).Clone()
	i.a.stripResponseHop(fields)
	delete(fields, "Content-Length")
	i.passed = true
	i.send(status, fields)
	return nil
}

// invite has the client send the request's body, if it waits to be told. When
// the body is first read the server would do so by itself, but not in turn with
// other interim responses: the bytes of both could be mixed.
func (i *interimWriter) invite() {
	if i == nil {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if r := i.a.r; !i.stopped && r.ProtoMajor == 1 && r.ProtoAtLeast(1, 1) && len(r.Header["Expect"]) > 0 {
		i.send(http.StatusContinue, nil)
	}
}

// send writes an interim response with these fields alone. Those that other
// handlers have set are for the final one.
func (i *interimWriter) send(status int, fields http.Header) {
	h := i.a.w.Header()
	own := maps.Clone(h)
	clear(h)
	maps.Copy(h, fields)
	i.a.w.WriteHeader(status)
	clear(h)
	maps.Copy(h, own)
}
