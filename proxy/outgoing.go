package proxy

import (
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"golang.org/x/net/http/httpguts"
)

// requestError is the reason why a request cannot be sent on as it is. It is
// the client's fault, or the configuration's, and no backend's.
type requestError struct{ err error }

// Error implements error.
func (e *requestError) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *requestError) Unwrap() error { return e.err }

// errRequestFields refuses a request with as many fields as no server should have
// to take: the limit of the client's head is one of bytes.
var errRequestFields = &requestError{caddyhttp.Error(http.StatusRequestHeaderFieldsTooLarge,
	fmt.Errorf("request has more than %d header fields", maxHeadFields))}

// countFields returns the number of field lines of a header.
func countFields(h http.Header) (n int) {
	for _, values := range h {
		n += len(values)
	}
	return n
}

// plain reports whether the head of the outgoing request can be made straight
// from that of the client's, with nothing but the changes that every request
// needs.
func (x *exchange) plain() bool {
	ops := x.proxy.cfg.Headers
	return (ops == nil || ops.Request == nil) && x.upgrade == "" && x.forwards == nil && !earlyData(x.r)
}

// request returns the outgoing request: all but its body.
func (a *attempt) request() (*http.Request, error) {
	if a.out != nil {
		return a.out, nil
	}
	if countFields(a.r.Header) > maxHeadFields {
		return nil, errRequestFields
	}
	target := *a.targetURL()
	out := (&http.Request{
		Method: a.method, URL: &target, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.preparedHeader(), Host: a.r.Host,
	}).WithContext(a.r.Context())
	if a.host != "" {
		out.Host = a.host
	}
	if err := a.applyOps(out); err != nil {
		return nil, &requestError{err}
	}
	a.out = out
	return out, nil
}

// applyOps applies the configured changes to the request's header.
func (a *attempt) applyOps(out *http.Request) error {
	if a.proxy.cfg.Headers == nil || a.proxy.cfg.Headers.Request == nil {
		return nil
	}
	out.Header = out.Header.Clone() // the next attempt begins with the one before
	a.proxy.cfg.Headers.Request.ApplyToRequest(out)
	for name, values := range out.Header {
		if !httpguts.ValidHeaderFieldName(name) {
			return badRequest("header name %.64q, as changed, is not valid", name)
		}
		for _, value := range values {
			if !httpguts.ValidHeaderFieldValue(value) {
				return badRequest("value of header %q, as changed, is not valid", name)
			}
		}
	}
	if !httpguts.ValidHostHeader(out.Host) {
		return badRequest("host %.200q, as changed, is not valid", out.Host)
	}
	if !a.incremental && a.body != nil && a.hasContent() && a.proxy.cfg.RequestBuffers != 0 && caddyhttp.IsIncremental(out.Header) {
		return a.refuseIncremental(nil)
	}
	if a.upgrade != "" {
		spellWebSocket(out.Header)
	}
	return nil
}
