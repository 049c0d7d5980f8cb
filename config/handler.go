package config

import (
	"encoding/json"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/rewrite"
)

// Handler is the JSON configuration of the `load_balance` HTTP handler.
//
// The fields fall in two groups. Some define the pool: its backends, policy,
// health checks and transport. Exactly one handler of a config may define a
// pool; another handler uses the same pool by giving its name alone. The other
// fields say how this handler forwards, and every handler has its own.
type Handler struct {
	// The name of the pool. Pools are known by name in the admin API, in
	// metrics and in logs, and state is carried over a config reload by name,
	// so naming pools is recommended. A handler that has a name and no
	// backends uses the pool which another handler of the config defines.
	//
	// Default: a name derived from the backends, which is the same on every
	// reload as long as the handler's configuration is.
	Pool string `json:"pool,omitempty"`

	// The backends of the pool.
	Backends []Backend `json:"backends,omitempty"`

	// A module that discovers further backends and keeps them up to date, for
	// instance from DNS. See `http.handlers.load_balance.sources`.
	DynamicRaw json.RawMessage `json:"dynamic_backends,omitempty" caddy:"namespace=http.handlers.load_balance.sources inline_key=source"`

	// How a backend is selected, and what happens when one fails.
	LoadBalancing *LoadBalancing `json:"load_balancing,omitempty"`

	// How the health of the backends is observed.
	HealthChecks *HealthChecks `json:"health_checks,omitempty"`

	// How backends are spoken to.
	Transport *Transport `json:"transport,omitempty"`

	// IP ranges (CIDR notation, or single addresses) of backends that may be
	// added through the admin API. When set, any other address is refused.
	// When empty, all addresses are allowed but link-local ones, where cloud
	// providers keep the metadata of the machine, and multicast and unspecified
	// ones.
	AllowBackends []string `json:"allow_backends,omitempty"`

	// Whether what is changed through the admin API is kept in Caddy's storage:
	// it outlasts restarts and crashes then, and all instances of Caddy that
	// share the storage have it. If not, it is lost when Caddy stops, and what
	// may be stored is not looked at. Default: true.
	Persist *bool `json:"persist,omitempty"`

	Forwarding
}

// Forwarding is the part of the handler's configuration that does not belong
// to the pool: what happens to requests and responses on the way.
type Forwarding struct {
	// IP ranges (CIDR notation, or single addresses) of clients whose
	// X-Forwarded-* request headers are to be trusted, in addition to those
	// that the server's own `trusted_proxies` trusts. Default: none.
	TrustedProxies []string `json:"trusted_proxies,omitempty"`

	// Changes to the headers of requests and responses.
	Headers *headers.Handler `json:"headers,omitempty"`

	// Rewrites method or URI of the request that goes to the backend. If the
	// method becomes GET or HEAD, the request's body is not sent.
	Rewrite *rewrite.Rewrite `json:"rewrite,omitempty"`

	// If nonzero, the request's body is read into memory up to this many bytes
	// before it is sent; -1 is no limit. A body that fits is sent with its
	// length, and can be repeated on a retry. Default: 0, not buffered.
	RequestBuffers int64 `json:"request_buffers,omitempty"`

	// If nonzero, the response's body is read into memory up to this many
	// bytes before it is sent to the client; -1 is no limit. Default: 0.
	ResponseBuffers int64 `json:"response_buffers,omitempty"`

	// How often a response is flushed to the client while it is being copied.
	// Negative flushes after every write. Responses of unknown length and
	// server-sent events are always flushed at once. Default: 0, which
	// flushes only what has waited for more bytes for 20 ms.
	FlushInterval caddy.Duration `json:"flush_interval,omitempty"`

	// How long a client may take to send the next piece of its request's
	// body, before it is answered 408. 0 is no limit. Not counted is the time
	// in which the backend does not take what was sent. Default: that of the
	// server, `read_idle_timeout`, which is 1m unless configured.
	ClientBodyTimeout *caddy.Duration `json:"client_body_timeout,omitempty"`

	// How many bytes per second a client is to send of its request's body, on
	// average over the time in which it is waited for, beyond
	// `client_body_timeout`. 0 is any. Not for bodies of unknown length once
	// the backend has answered, nor for gRPC. Default: 240, and 0 if
	// `client_body_timeout` is 0.
	ClientBodyMinRate *int64 `json:"client_body_min_rate,omitempty"`

	// How long a client may take to accept the next piece of the response, of
	// up to 64 KiB, before its connection is closed. 0 is no limit. Not
	// counted is the time in which the backend sends nothing. Default: that of
	// the server, `write_idle_timeout`, which is 1m unless configured.
	SendTimeout *caddy.Duration `json:"send_timeout,omitempty"`

	// How many bytes per second a client is to accept, on average over the
	// time in which it is waited for, beyond `send_timeout`. 0 is any.
	// Default: 240, and 0 if `send_timeout` is 0.
	SendMinRate *int64 `json:"send_min_rate,omitempty"`

	// Ends upgraded connections, such as WebSockets, after this time.
	// Default: 0, no limit.
	StreamTimeout caddy.Duration `json:"stream_timeout,omitempty"`

	// The size of the copy buffer for each direction of an upgraded
	// connection, in bytes. Default: 32 KiB.
	StreamBufferSize int `json:"stream_buffer_size,omitempty"`

	// How long upgraded connections are kept when the pool or the backend they
	// belong to is gone: no longer in the config, or removed at runtime. When the
	// process stops, they are kept for this time, too, but not for longer than
	// the grace period. Default: 0, closed at once. A reload that keeps pool and
	// backend keeps their upgraded connections in any case.
	StreamCloseDelay caddy.Duration `json:"stream_close_delay,omitempty"`

	// Protocols, beside `websocket`, that a client may switch to with the
	// Upgrade header. Any other Upgrade header is not passed on.
	// Default: none.
	Upgrades []string `json:"upgrades,omitempty"`

	// The name by which this proxy reports refused incremental messages in
	// the Proxy-Status response header (RFC 9209). Default: no such header.
	ProxyStatusName string `json:"proxy_status_name,omitempty"`

	// Log retries at debug level, beside the attempts that are logged there in
	// any case. Default: false.
	VerboseLogs bool `json:"verbose_logs,omitempty"`
}

// Backend is one server of a pool.
type Backend struct {
	// The address: `host:port`, `host` (port 80), `:port` (this machine),
	// `http://`, `https://` or `h2c://` in front of them, or a unix socket as
	// `unix//path` (`unix+h2c//path` for HTTP/2). Required.
	Address string `json:"address"`

	// The name of the backend within its pool: 1 to 128 letters, digits and
	// `.`, `_`, `:`, `~`, `@`, `-`. Default: the address, normalised.
	ID string `json:"id,omitempty"`

	// The backend's share of the load in relation to the others, 1 to 1000.
	// Default: 1.
	Weight int `json:"weight,omitempty"`

	// The tier: 0 serves first; a higher number serves when no backend of a
	// lower one accepts, or all of those are full. 0 to 1000. Default: 0.
	Priority int `json:"priority,omitempty"`

	// How many requests may be in flight to the backend at once. The limit is
	// exact. Default: 0, no limit.
	MaxRequests int `json:"max_requests,omitempty"`

	// Free-form labels, shown in the admin API. At most 32.
	Labels map[string]string `json:"labels,omitempty"`

	// Active health check settings of this backend alone. What is set here
	// takes precedence over the pool's settings.
	Health *ActiveHealth `json:"health,omitempty"`
}

// LoadBalancing configures selection and retries.
type LoadBalancing struct {
	// The selection policy. Default: `round_robin`.
	PolicyRaw json.RawMessage `json:"selection_policy,omitempty" caddy:"namespace=http.handlers.load_balance.policies inline_key=policy"`

	// With a policy that picks by a hash: how many times its share of the
	// requests in flight a backend may have, by weight, from 1.01 to 100. What
	// is beyond goes to the next backend in the order of the hash, so that a
	// key which is asked for too often does not overload one backend. Other
	// policies do not take it. Default: no such bound.
	BoundedLoad *float64 `json:"bounded_load,omitempty"`

	// What happens when no backend accepts because of its health: `fail`
	// answers 503; `ignore_health` selects as if all were healthy.
	// Default: `fail`.
	AllDown string `json:"all_down,omitempty"`

	// Requests that find no backend with room for them wait in a queue, until
	// a backend has. Default: no queue; such requests are answered with 503 at
	// once.
	Queue *Queue `json:"queue,omitempty"`

	// How long a backend that comes to take requests again, or was added while
	// the pool served, takes to get its full share of requests, and of its
	// `max_requests`: both grow evenly from a tenth. It does not apply to the
	// backends that a pool begins with, nor where no other backend of the tier
	// is further. Default: 0, the full share at once.
	SlowStart caddy.Duration `json:"slow_start,omitempty"`

	// How many requests to the pool may be retried at once. Beyond that, a
	// request that fails is not retried; with `try_duration`, it waits until
	// it may be. So retries cannot multiply the load of backends that fail
	// because of their load.
	// Default: 20 % of the active requests, but at least 3.
	RetryBudget *RetryBudget `json:"retry_budget,omitempty"`

	// What keeps a client with the backend that it has been with. Default:
	// nothing.
	Sticky *Sticky `json:"sticky,omitempty"`

	Retry
}

// Retry configures what happens after an attempt has failed. A handler that
// refers to a pool of another handler has its own.
type Retry struct {
	// How many times another backend is tried after a failed attempt.
	// If `try_duration` is set as well, whichever ends first counts.
	// Default: 0 (and no retries unless `try_duration` is set).
	Retries int `json:"retries,omitempty"`

	// For how long other backends are tried, or waited for if none accepts.
	// Default: 0 (and no retries unless `retries` is set).
	TryDuration caddy.Duration `json:"try_duration,omitempty"`

	// How long to wait before a backend is tried again, when every accepting
	// one has been tried; also for one to accept, with `try_duration`. The
	// waits vary by a fifth, so that requests which failed together do not
	// come back together. Default: from 25ms on, doubled each time, to 250ms,
	// each shortened by up to a half at random.
	TryInterval caddy.Duration `json:"try_interval,omitempty"`

	// Which requests may be sent again after their bytes have reached a
	// backend. Default: GET requests. Matcher sets with an expression that
	// refers to the response ({rp.status_code}, {rp.header.*}) are matched
	// against responses, which are then discarded and retried. Requests that
	// never reached a backend (refused connections) are always retried.
	MatchRaw RawMatcherSets `json:"retry_match,omitempty" caddy:"namespace=http.matchers"`
}

// RetryBudget bounds the retries of a pool, over all handlers that use it.
//
// A request is active from when it comes in until it is answered, but not while
// it waits for a retry. It is being retried from when that is decided, so also
// while it waits, until the attempt is answered or has failed. The silent
// repetition of a request on another connection, where the backend had closed an
// idle one, is no retry. One whose connection was refused is not counted as long
// as there is another backend to try, since that costs no backend anything.
//
// With try_duration, requests wait that there is no room for; each retry that
// succeeds makes room for one more of those, until one fails.
type RetryBudget struct {
	// How many of the active requests may be retried at once, in percent, 0
	// to 100. With 100 there is no limit. Default: 20.
	Percent *int `json:"percent,omitempty"`

	// How many requests may be retried at once in any case. Default: 3.
	MinConcurrent *int `json:"min_concurrent,omitempty"`
}
