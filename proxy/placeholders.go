package proxy

import (
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// currentKey is the request variable that holds the exchange which the
// placeholders are about, a *current.
const currentKey = "load_balance.exchange"

// current is the last exchange of a request: several handlers can forward the
// same request one after the other.
type current struct{ *exchange }

// publish makes the placeholders about x. They are looked up when they are
// used; nothing is computed before.
func (x *exchange) publish() {
	if c, ok := caddyhttp.GetVar(x.r.Context(), currentKey).(*current); ok {
		c.exchange = x
		return
	}
	c := &current{x}
	caddyhttp.SetVar(x.r.Context(), currentKey, c)
	x.repl.Map(func(key string) (any, bool) { return c.placeholder(key) })
}

// placeholder returns the value of a placeholder.
func (x *exchange) placeholder(key string) (any, bool) {
	if name, ok := strings.CutPrefix(key, "http.load_balance."); ok {
		return x.ownPlaceholder(name)
	}
	name, ok := strings.CutPrefix(key, "http.reverse_proxy.")
	if !ok {
		return nil, false
	}
	if name, ok := strings.CutPrefix(name, "upstream."); ok {
		return x.upstreamPlaceholder(name)
	}
	switch name {
	case "duration":
		return x.total(), true
	case "duration_ms":
		return milliseconds(x.total()), true
	case "retries":
		return x.retries, true
	case "is_transport_error":
		return true, x.transport
	}
	return x.responsePlaceholder(name)
}

// ownPlaceholder returns the value of a placeholder of this module. One that has
// no value, as there was no attempt, is known nevertheless: in text it is empty,
// and in a JSON log null.
func (x *exchange) ownPlaceholder(name string) (any, bool) {
	switch name {
	case "pool":
		return x.proxy.pool.Name(), true
	case "attempts":
		return x.attempts, true
	case "latency_ms":
		if x.response == nil {
			return nil, true
		}
		return milliseconds(x.latency), true
	case "upstream_ms":
		if x.attempts > 0 {
			return milliseconds(x.sinceAttempt()), true
		}
		return nil, true
	case "queue_ms":
		return milliseconds(x.query.Waited()), true
	case "error":
		if x.failure != nil {
			return x.failure.err.Error(), true
		}
		return nil, true
	}
	if name, ok := strings.CutPrefix(name, "backend."); ok {
		return x.backendPlaceholder(name)
	}
	return nil, false
}

func (x *exchange) backendPlaceholder(name string) (any, bool) {
	switch name {
	case "id", "address", "hostport", "host", "port":
	default:
		return nil, false
	}
	switch {
	case x.backend == nil:
		return nil, true
	case name == "id":
		return x.backend.ID(), true
	case name == "address":
		return x.backend.AddressText(), true
	}
	return x.targetPart(name), true
}

// upstreamPlaceholder returns what reverse_proxy knows of an upstream.
func (x *exchange) upstreamPlaceholder(name string) (any, bool) {
	if x.backend == nil {
		return nil, false
	}
	switch name {
	case "address":
		return x.network + "/" + x.target, true
	case "hostport", "host", "port":
		return x.targetPart(name), true
	case "requests":
		return x.backend.InFlight(), true
	case "max_requests":
		return x.backend.Spec.MaxRequests, true
	case "fails":
		view, _, _ := x.proxy.pool.ViewBackend(x.backend.ID())
		return view.Failures, true
	case "latency":
		return x.latency, x.latency > 0
	case "latency_ms":
		return milliseconds(x.latency), x.latency > 0
	case "duration":
		return x.sinceAttempt(), true
	case "duration_ms":
		return milliseconds(x.sinceAttempt()), true
	}
	return nil, false
}

func (x *exchange) responsePlaceholder(name string) (any, bool) {
	if x.response == nil {
		return nil, false
	}
	switch name {
	case "status_code":
		return x.response.StatusCode, true
	case "status_text":
		return x.response.Status, true
	}
	field, ok := strings.CutPrefix(name, "header.")
	if !ok {
		return nil, false
	}
	values := x.response.Header.Values(field)
	return strings.Join(values, ","), len(values) > 0
}

// targetPart returns a part of the address in use; a socket path is a host.
func (x *exchange) targetPart(part string) string {
	host, port := x.target, ""
	if i := strings.LastIndexByte(x.target, ':'); i >= 0 && !x.backend.Address().IsUnix() {
		host, port = x.target[:i], x.target[i+1:]
	}
	switch part {
	case "host":
		return strings.Trim(host, "[]")
	case "port":
		return port
	}
	return x.target
}

// total is the time that the exchange has taken, until now if it goes on.
func (x *exchange) total() time.Duration { return elapsed(x.start, x.finished) }

func (x *exchange) sinceAttempt() time.Duration { return elapsed(x.began, x.ended) }

func elapsed(from, to time.Time) time.Duration {
	if to.IsZero() {
		return time.Since(from)
	}
	return to.Sub(from)
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1e3 }
