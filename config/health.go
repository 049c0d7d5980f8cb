package config

import (
	"net/http"

	"github.com/caddyserver/caddy/v2"
)

// HealthChecks configures how the health of backends is observed.
type HealthChecks struct {
	// Active health checks: probes, on by default.
	Active *ActiveHealth `json:"active,omitempty"`

	// Passive health checks: failures of real requests, off by default.
	Passive *PassiveHealth `json:"passive,omitempty"`

	// The health that a backend has before its first probe has ended: `up` or
	// `down`. Default: backends of the config start up, and backends which
	// are added at runtime start down.
	Initial string `json:"initial,omitempty"`
}

// ActiveHealth configures active health checks. By default a backend is
// probed with a TCP connect; if `uri` is set, with an HTTP request.
//
// A backend's own settings are laid over the pool's, field by field; a field
// that is not set there has the pool's value.
type ActiveHealth struct {
	// Turns active health checks off. Default: false.
	Disabled bool `json:"disabled,omitempty"`

	// The path and query of the HTTP request to probe with. Default: none,
	// which makes the probe a TCP connect.
	URI string `json:"uri,omitempty"`

	// Another `host:port` to probe, instead of the backend's address.
	Upstream string `json:"upstream,omitempty"`

	// Another port to probe, on the backend's host. Not together with
	// `upstream`.
	Port int `json:"port,omitempty"`

	// `http` or `https`. Default: as the backend's traffic.
	Scheme string `json:"scheme,omitempty"`

	// The Host header of the probe. Default: the address that is probed.
	Host string `json:"host,omitempty"`

	// The server name of the TLS handshake. Default: as the backend's traffic.
	ServerName string `json:"server_name,omitempty"`

	// The method. Default: GET.
	Method string `json:"method,omitempty"`

	// Headers of the probe. Values may have global placeholders, and
	// `{http.load_balance.active.target_backend}`, the backend's address.
	Headers http.Header `json:"headers,omitempty"`

	// The body of the probe. Known global placeholders are replaced.
	Body string `json:"body,omitempty"`

	// Follow redirects instead of judging them. Default: false.
	FollowRedirects *bool `json:"follow_redirects,omitempty"`

	// The time between two probes of a backend. One that has gone down is probed
	// again after 1s, if that is less, and then after twice that each time, up to
	// the interval. Default: 10s.
	Interval caddy.Duration `json:"interval,omitempty"`

	// How long a probe may take, from dialing to the last byte.
	// Default: 5s, but not more than the interval.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// How many probes in a row must pass before a backend that is down is up.
	// Default: 1.
	Passes int `json:"passes,omitempty"`

	// How many probes in a row must fail before a backend that is up is down.
	// Default: 1.
	Fails int `json:"fails,omitempty"`

	// The most bytes of a response's body that are read. Default: 64 KiB.
	MaxSize int64 `json:"max_size,omitempty"`

	// Status codes of a healthy backend; a number below 10 is a whole class,
	// such as 2 for 2xx. Default: 2xx.
	ExpectStatus []int `json:"expect_status,omitempty"`

	// A regular expression (RE2) that the body of a healthy backend matches.
	ExpectBody string `json:"expect_body,omitempty"`
}
