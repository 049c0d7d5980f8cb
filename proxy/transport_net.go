package proxy

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

const (
	// http2PingAfter is how long an HTTP/2 connection is silent before it is
	// checked.
	http2PingAfter = 30 * time.Second
	// http2PingTimeout is how long the answer may take.
	http2PingTimeout = 15 * time.Second
)

// netTransport carries requests to one backend over net/http's client.
type netTransport struct {
	maker      *transports
	scheme     string
	host       string // URL host of requests
	network    string
	address    string // to dial
	encrypted  bool
	serverName string // of TLS; may have placeholders
	perClient  bool   // connections belong to one client, or one server name
	main       *http.Transport
	http1      *http.Transport // for upgrades; may be main
}

func newNetTransport(maker *transports, addr config.Address) *netTransport {
	t := &netTransport{maker: maker, scheme: "http", encrypted: maker.encrypts(addr)}
	t.network, t.address = addr.Dial()
	t.host = t.address
	if addr.IsUnix() {
		t.host = "localhost"
	}
	if t.encrypted {
		t.scheme = "https"
		t.serverName = maker.tls.ServerName
		if t.serverName == "" {
			t.serverName = strings.TrimSuffix(addr.Host, ".")
			if addr.IsUnix() {
				t.serverName = "localhost"
			}
		}
	}
	t.perClient = maker.cfg.ProxyProtocol != "" || strings.Contains(t.serverName, "{")
	h2c := maker.unencryptedHTTP2(addr)
	t.main = t.newHTTPTransport(h2c, maker.http2())
	t.http1 = t.main
	if h2c || (t.encrypted && maker.http2()) {
		t.http1 = t.newHTTPTransport(false, false)
	}
	return t
}

func (t *netTransport) newHTTPTransport(h2c, http2 bool) *http.Transport {
	cfg := &t.maker.cfg
	header := config.DefaultResponseHeaderTimeout
	if cfg.ResponseHeaderTimeout != nil {
		header = time.Duration(*cfg.ResponseHeaderTimeout)
	}
	rt := &http.Transport{
		DisableCompression:     cfg.Compression == nil || !*cfg.Compression,
		MaxConnsPerHost:        cfg.MaxConnsPerHost,
		MaxIdleConnsPerHost:    config.DefaultMaxIdleConnsPerHost,
		IdleConnTimeout:        config.DefaultIdleConnTimeout,
		ResponseHeaderTimeout:  header,
		ExpectContinueTimeout:  orDefault(cfg.ExpectContinueTimeout, config.DefaultExpectContinueTimeout),
		MaxResponseHeaderBytes: int64(t.maker.dialer.maxHead),
		WriteBufferSize:        cfg.WriteBufferSize,
		ReadBufferSize:         cfg.ReadBufferSize,
		Protocols:              new(http.Protocols),
	}
	if ka := cfg.KeepAlive; ka != nil {
		rt.DisableKeepAlives = ka.Enabled != nil && !*ka.Enabled
		rt.MaxIdleConns = ka.MaxIdleConns
		rt.IdleConnTimeout = orDefault(ka.IdleConnTimeout, rt.IdleConnTimeout)
		if ka.MaxIdleConnsPerHost != 0 {
			rt.MaxIdleConnsPerHost = ka.MaxIdleConnsPerHost
		}
	}
	if http2 || h2c {
		// notice when a connection that many requests share is dead
		rt.HTTP2 = &http.HTTP2Config{SendPingTimeout: http2PingAfter, PingTimeout: http2PingTimeout}
	}
	rt.Protocols.SetHTTP1(!h2c)
	rt.Protocols.SetUnencryptedHTTP2(h2c)
	rt.Protocols.SetHTTP2(http2 && t.encrypted)
	if t.perClient {
		// every client is a host of its own to net/http
		if rt.MaxIdleConns == 0 {
			rt.MaxIdleConns = rt.MaxIdleConnsPerHost
		}
	} else if t.network != "unix" {
		rt.Proxy = t.maker.forward
	}
	rt.DialContext = func(ctx context.Context, _, address string) (net.Conn, error) {
		if h2c || t.viaProxy(rt, address) {
			return t.dialUnguarded(ctx, rt, address)
		}
		return t.maker.dialer.openPlain(ctx, t.network, t.address)
	}
	if t.encrypted {
		rt.TLSClientConfig = t.tlsConfig(context.Background(), http2)
	}
	rt.DialTLSContext = func(ctx context.Context, _, address string) (net.Conn, error) {
		if t.viaProxy(rt, address) {
			return t.dialProxyTLS(ctx, address)
		}
		return t.maker.dialer.openTLS(ctx, t.network, t.address, t.tlsConfig(ctx, http2))
	}
	return rt
}

// viaProxy reports whether net/http, when it dials address, means a forward
// proxy, and not the backend.
func (t *netTransport) viaProxy(rt *http.Transport, address string) bool {
	return rt.Proxy != nil && address != t.address
}

// dialUnguarded opens a connection on which something else than HTTP/1.1
// responses of the backend comes first: HTTP/2, or the talk of a forward proxy.
func (t *netTransport) dialUnguarded(ctx context.Context, rt *http.Transport, address string) (net.Conn, error) {
	network := "tcp"
	if !t.viaProxy(rt, address) {
		network, address = t.network, t.address
	}
	conn, err := t.maker.dialer.open(ctx, network, address)
	if err != nil {
		return nil, err // not a nil *tap in an interface
	}
	return conn, nil
}

func (t *netTransport) dialProxyTLS(ctx context.Context, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, &connectError{err}
	}
	raw, err := t.maker.dialer.open(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	conn, err := t.maker.dialer.shakeHands(ctx, raw, &tls.Config{ServerName: host})
	if err != nil {
		return nil, err
	}
	return conn, nil
}

// tlsConfig returns the configuration of a connection's handshake. The server
// name's placeholders are those of the request that the connection is for.
func (t *netTransport) tlsConfig(ctx context.Context, http2 bool) *tls.Config {
	cfg := t.maker.tls.Clone()
	cfg.ServerName = t.expandServerName(ctx)
	cfg.NextProtos = []string{"http/1.1"}
	if http2 {
		cfg.NextProtos = []string{"h2", "http/1.1"}
	}
	return cfg
}

func (t *netTransport) expandServerName(ctx context.Context) string {
	if !strings.Contains(t.serverName, "{") {
		return t.serverName
	}
	repl, ok := ctx.Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return ""
	}
	return repl.ReplaceAll(t.serverName, "")
}

// send implements Transport.
func (t *netTransport) send(a *attempt) (*http.Response, error) {
	if t.encrypted && t.network != "unix" {
		a.host = t.address
	}
	c := newNetCarrier(a, t.maker.dialer.takeTimeout)
	ctx := c.ctx
	if t.perClient {
		ctx = context.WithValue(ctx, clientKey{}, clientAddr(a.r))
	}
	rt := t.main
	if a.upgrade != "" {
		rt = t.http1
	}
	return c.roundTrip(ctx, rt, t.aim)
}

// aim points a request at the backend.
func (t *netTransport) aim(r *http.Request) {
	r.URL.Scheme, r.URL.Host = t.scheme, t.host
	if t.perClient {
		// connections are kept by host, so it names whom they are for
		key := clientOf(r.Context()).String() + " " + t.expandServerName(r.Context())
		r.URL.Host = hex.EncodeToString([]byte(key)) + "." + t.host
	}
}

// target implements Transport.
func (t *netTransport) target() (network, address string) { return t.network, t.address }

// CloseIdle implements Transport.
func (t *netTransport) CloseIdle() {
	t.main.CloseIdleConnections()
	if t.http1 != t.main {
		t.http1.CloseIdleConnections()
	}
}

var _ Transport = (*netTransport)(nil)
