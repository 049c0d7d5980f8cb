package config

import (
	"time"

	"github.com/caddyserver/caddy/v2"
)

// Defaults of the configuration. Field comments repeat them for users.
const (
	DefaultDialTimeout           = 3 * time.Second
	DefaultResponseHeaderTimeout = 60 * time.Second
	DefaultWriteTimeout          = 60 * time.Second
	DefaultExpectContinueTimeout = time.Second
	DefaultTLSHandshakeTimeout   = 10 * time.Second
	DefaultIdleConnTimeout       = 90 * time.Second
	DefaultKeepAliveInterval     = 30 * time.Second
	DefaultMaxIdleConnsPerHost   = 128
	DefaultMaxResponseHeaderSize = 1 << 20

	// DefaultClientTimeout is how long a client may be waited for before its
	// rate counts.
	DefaultClientTimeout = time.Minute
	// DefaultClientMinRate is how many bytes a client is to send or take in a
	// second.
	DefaultClientMinRate = 240

	DefaultHealthInterval = 10 * time.Second
	DefaultHealthTimeout  = 5 * time.Second
	DefaultHealthMaxSize  = 64 << 10

	DefaultTryInterval      = 250 * time.Millisecond // at most
	DefaultFirstTryInterval = 25 * time.Millisecond

	// With factors close to 1, hardly any key stays with its backend.
	MinBoundedLoad = 1.01
	MaxBoundedLoad = 100.0

	DefaultRetryBudgetPercent = 20
	DefaultRetryBudgetMin     = 3

	DefaultStreamBufferSize = 32 << 10

	DefaultWeight = 1
	MaxWeight     = 1000
	MaxPriority   = 1000
	MaxLabels     = 32
	MaxLabelLen   = 256
	MaxQueueSize  = 1_000_000
)

// Values of [LoadBalancing.AllDown].
const (
	AllDownFail         = "fail"
	AllDownIgnoreHealth = "ignore_health"
)

// Values of [HealthChecks.Initial].
const (
	InitialUp   = "up"
	InitialDown = "down"
)

// WithDefaults returns a copy of the settings in which every field that is
// not set, and has a default, has it. A nil receiver gives all defaults.
func (a *ActiveHealth) WithDefaults() ActiveHealth {
	var out ActiveHealth
	if a != nil {
		out = *a
	}
	setDefault(&out.Method, "GET")
	setDefault(&out.Interval, caddy.Duration(DefaultHealthInterval))
	setDefault(&out.Timeout, min(caddy.Duration(DefaultHealthTimeout), out.Interval))
	setDefault(&out.Passes, 1)
	setDefault(&out.Fails, 1)
	setDefault(&out.MaxSize, DefaultHealthMaxSize)
	if len(out.ExpectStatus) == 0 {
		out.ExpectStatus = []int{2}
	}
	return out
}

// Overlay returns the pool's settings a with those of a backend laid over
// them. Either may be nil; the arguments are not changed.
func (a *ActiveHealth) Overlay(backend *ActiveHealth) *ActiveHealth {
	if backend == nil {
		return a
	}
	var out ActiveHealth
	if a != nil {
		out = *a
	}
	b := backend
	out.Disabled = out.Disabled || b.Disabled
	overlay(&out.URI, b.URI)
	overlay(&out.Scheme, b.Scheme)
	overlay(&out.Host, b.Host)
	overlay(&out.ServerName, b.ServerName)
	overlay(&out.Method, b.Method)
	overlay(&out.Body, b.Body)
	overlay(&out.FollowRedirects, b.FollowRedirects)
	overlay(&out.Interval, b.Interval)
	overlay(&out.Timeout, b.Timeout)
	overlay(&out.Passes, b.Passes)
	overlay(&out.Fails, b.Fails)
	overlay(&out.MaxSize, b.MaxSize)
	overlay(&out.ExpectBody, b.ExpectBody)
	// a port and another address to probe exclude each other
	if b.Port != 0 || b.Upstream != "" {
		out.Port, out.Upstream = b.Port, b.Upstream
	}
	if b.Headers != nil {
		out.Headers = b.Headers
	}
	if len(b.ExpectStatus) > 0 {
		out.ExpectStatus = b.ExpectStatus
	}
	return &out
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func overlay[T comparable](field *T, value T) {
	var zero T
	if value != zero {
		*field = value
	}
}
