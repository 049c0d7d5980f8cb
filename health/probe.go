package health

import (
	"context"
	"net"
	"strconv"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// prober probes one backend. It is used by one goroutine at a time.
type prober interface {
	// probe returns what was seen of a backend that passes, in a few words,
	// or why it does not. It ends with its context.
	probe(ctx context.Context) (seen string, err error)
}

// rejection is a failed probe in words for people.
type rejection string

// Error implements error.
func (r rejection) Error() string { return string(r) }

// newProber returns the prober for a backend at addr.
func newProber(addr config.Address, s *config.ActiveHealth, conn pool.Connector) prober {
	if conn.Dial == nil {
		conn.Dial = (&net.Dialer{KeepAlive: -1}).DialContext // probes are short
	}
	e := endpointOf(addr, s)
	if s.URI == "" {
		return &tcpProber{endpoint: e, dial: conn.Dial}
	}
	p, err := newHTTPProber(addr, e, s, conn)
	if err != nil {
		return misconfigured{rejection("misconfigured: " + err.Error())}
	}
	return p
}

// endpoint is the socket to connect to.
type endpoint struct{ network, address string }

// endpointOf returns where to probe a backend: at another address or port if
// the settings say so. With a port, a backend that is a unix socket is probed
// over TCP on this machine.
func endpointOf(addr config.Address, s *config.ActiveHealth) endpoint {
	switch {
	case s.Upstream != "":
		return endpoint{"tcp", config.ReplaceGlobal(s.Upstream)}
	case s.Port != 0 && addr.IsUnix():
		return endpoint{"tcp", net.JoinHostPort("localhost", strconv.Itoa(s.Port))}
	case s.Port != 0:
		addr.Port = strconv.Itoa(s.Port)
	}
	network, address := addr.Dial()
	return endpoint{network, address}
}

// host returns the endpoint's host: a name or an IP address, without brackets.
// That of a unix socket is this machine.
func (e endpoint) host() string {
	host, _, err := net.SplitHostPort(e.address)
	if e.network == "unix" || err != nil || host == "" {
		return "localhost"
	}
	return host
}

// port returns the endpoint's port, or nothing for a unix socket.
func (e endpoint) port() string {
	_, port, err := net.SplitHostPort(e.address)
	if e.network == "unix" || err != nil {
		return ""
	}
	return port
}

// misconfigured fails always: its settings make no sense. Validation of the
// config does not let such settings come this far.
type misconfigured struct{ rejection }

func (m misconfigured) probe(context.Context) (string, error) { return "", m.rejection }

var _ prober = misconfigured{}

// meansSomething reports whether a probe that passes is a reason to end an
// ejection: it must be a request to the backend itself. A server that fails all
// requests still takes connections.
func meansSomething(s *config.ActiveHealth) bool { return s.URI != "" && s.Upstream == "" }
