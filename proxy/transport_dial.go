package proxy

import (
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// connectError is the failure to get a connection to a backend: nothing of the
// request was sent.
type connectError struct{ err error }

// Error implements error.
func (e *connectError) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *connectError) Unwrap() error { return e.err }

// dialer opens connections to backends.
type dialer struct {
	traffic       *net.Dialer
	probe         *net.Dialer // no timeout of its own
	readTimeout   time.Duration
	writeTimeout  time.Duration // of every write; 0: none
	takeTimeout   time.Duration // of those to a backend that has not answered
	handshake     time.Duration // limit of TLS handshakes
	proxyProtocol string
	maxHead       int
	giveUp        func() bool // closes an idle connection, if there is one; may be nil
}

func newDialer(cfg *config.Transport) (*dialer, error) {
	d := &dialer{
		traffic: &net.Dialer{
			Timeout:       orDefault(cfg.DialTimeout, config.DefaultDialTimeout),
			FallbackDelay: time.Duration(cfg.FallbackDelay),
		},
		readTimeout:   time.Duration(cfg.ReadTimeout),
		takeTimeout:   config.DefaultWriteTimeout,
		handshake:     config.DefaultTLSHandshakeTimeout,
		proxyProtocol: cfg.ProxyProtocol,
		maxHead:       config.DefaultMaxResponseHeaderSize,
	}
	if cfg.WriteTimeout != nil {
		d.writeTimeout = time.Duration(*cfg.WriteTimeout)
		d.takeTimeout = d.writeTimeout
	}
	if cfg.TLS != nil {
		d.handshake = orDefault(cfg.TLS.HandshakeTimeout, d.handshake)
	}
	if cfg.MaxResponseHeaderSize > 0 {
		d.maxHead = int(cfg.MaxResponseHeaderSize)
	}
	interval := config.DefaultKeepAliveInterval
	if cfg.KeepAlive != nil {
		interval = orDefault(cfg.KeepAlive.ProbeInterval, interval)
	}
	d.traffic.KeepAlive = interval // negative turns it off
	d.traffic.KeepAliveConfig = net.KeepAliveConfig{Enable: interval > 0, Interval: interval}
	if cfg.LocalAddress != "" {
		local, err := localAddress(cfg.LocalAddress)
		if err != nil {
			return nil, fmt.Errorf("transport: local_address %q: %w", cfg.LocalAddress, err)
		}
		d.traffic.LocalAddr = local
	}
	if cfg.Resolver != nil {
		resolver, err := newResolver(cfg.Resolver.Addresses, d.traffic.Timeout)
		if err != nil {
			return nil, fmt.Errorf("transport: resolver: %w", err)
		}
		d.traffic.Resolver = resolver
	}
	probe := *d.traffic
	probe.Timeout = 0
	// no probe lives long enough to be kept alive, and asking costs
	probe.KeepAlive, probe.KeepAliveConfig = -1, net.KeepAliveConfig{}
	d.probe = &probe
	return d, nil
}

// restricted returns a dialer that connects only to addresses which backends
// may have without being listed.
func (d *dialer) restricted() *dialer {
	r := *d
	traffic, probe := *d.traffic, *d.probe
	traffic.Control, probe.Control = checkUnlisted, checkUnlisted
	r.traffic, r.probe = &traffic, &probe
	return &r
}

// checkUnlisted is called with the address that is about to be connected to.
func checkUnlisted(_, address string, _ syscall.RawConn) error {
	addr, err := netip.ParseAddrPort(address)
	if err == nil && !config.Unlisted(addr.Addr()) {
		return &config.UnlistedError{Addr: addr.Addr()}
	}
	return nil // a unix socket has no IP address
}

func orDefault(d caddy.Duration, def time.Duration) time.Duration {
	if d == 0 {
		return def
	}
	return time.Duration(d)
}

func localAddress(s string) (net.Addr, error) {
	addr, err := caddy.ParseNetworkAddressWithDefaults(s, "tcp", 0)
	if err != nil {
		return nil, err
	}
	if addr.PortRangeSize() > 1 {
		return nil, fmt.Errorf("must be a single address, not a port range")
	}
	switch addr.Network {
	case "tcp", "tcp4", "tcp6":
		return net.ResolveTCPAddr(addr.Network, addr.JoinHostPort(0))
	case "unix":
		return net.ResolveUnixAddr(addr.Network, addr.JoinHostPort(0))
	}
	return nil, fmt.Errorf("network %q is neither TCP nor unix", addr.Network)
}

// newResolver returns a resolver that asks one of the DNS servers at random.
func newResolver(servers []string, timeout time.Duration) (*net.Resolver, error) {
	addrs := make([]caddy.NetworkAddress, len(servers))
	for i, s := range servers {
		addr, err := caddy.ParseNetworkAddressWithDefaults(s, "udp", 53)
		if err != nil {
			return nil, fmt.Errorf("address %q: %w", s, err)
		}
		if addr.PortRangeSize() != 1 {
			return nil, fmt.Errorf("address %q: must have exactly one port", s)
		}
		addrs[i] = addr
	}
	d := &net.Dialer{Timeout: timeout}
	return &net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			addr := addrs[rand.IntN(len(addrs))]
			return d.DialContext(ctx, addr.Network, addr.JoinHostPort(0))
		},
	}, nil
}

// open dials, and sends the PROXY protocol header if there is to be one.
func (d *dialer) open(ctx context.Context, network, address string) (*tap, error) {
	conn, err := d.dial(ctx, network, address)
	if err != nil {
		return nil, &connectError{err}
	}
	if d.proxyProtocol != "" {
		header, err := proxyHeader(d.proxyProtocol, clientOf(ctx))
		if err == nil {
			_, err = conn.Write(header)
		}
		if err != nil {
			_ = conn.Close()
			return nil, &connectError{fmt.Errorf("sending PROXY header: %w", err)}
		}
	}
	return newTap(conn, d.readTimeout, d.writeTimeout), nil
}

// write writes to a connection, within the time that a write may take.
func (d *dialer) write(conn net.Conn, b []byte) (int, error) {
	if d.writeTimeout > 0 {
		_ = conn.SetWriteDeadline(time.Now().Add(d.writeTimeout))
	}
	return conn.Write(b)
}

// openPlain opens a connection for HTTP/1.1 without TLS.
func (d *dialer) openPlain(ctx context.Context, network, address string) (net.Conn, error) {
	t, err := d.open(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return newGuard(t, t, d.maxHead), nil
}

// openTLS opens a connection with TLS. For HTTP/2 it is a *tls.Conn, which
// net/http expects then.
func (d *dialer) openTLS(ctx context.Context, network, address string, cfg *tls.Config) (net.Conn, error) {
	t, err := d.open(ctx, network, address)
	if err != nil {
		return nil, err
	}
	conn, err := d.shakeHands(ctx, t, cfg)
	if err != nil {
		return nil, err
	}
	if conn.ConnectionState().NegotiatedProtocol == "h2" {
		return conn, nil
	}
	return newGuard(conn, t, d.maxHead), nil
}

func (d *dialer) shakeHands(ctx context.Context, raw net.Conn, cfg *tls.Config) (*tls.Conn, error) {
	if d.handshake > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d.handshake)
		defer cancel()
	}
	conn := tls.Client(raw, cfg)
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, &connectError{fmt.Errorf("tls handshake: %w", err)}
	}
	return conn, nil
}
