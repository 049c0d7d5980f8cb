package proxy

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

type proxyFunc func(*http.Request) (*url.URL, error)

// transports makes the transports of a pool. It holds nothing of the config's
// context, as the transports outlive it.
type transports struct {
	cfg     config.Transport
	text    []byte // cfg as JSON, for comparison
	tls     *tls.Config
	forward proxyFunc // nil: never through a forward proxy
	dialer  *dialer
	sweeper *sweeper // of idle connections of the HTTP/1.1 transport
}

// NewTransports makes the maker of transports that cfg describes; nil means
// all defaults. It loads the modules that cfg names and reads the files.
func NewTransports(ctx caddy.Context, cfg *config.Transport) (pool.Transports, error) {
	t := new(transports)
	if cfg != nil {
		t.cfg = *cfg
	}
	var err error
	if t.text, err = json.Marshal(t.cfg); err != nil {
		return nil, fmt.Errorf("transport: %w", err)
	}
	if t.dialer, err = newDialer(&t.cfg); err != nil {
		return nil, err
	}
	t.sweeper = newSweeper(t.cfg.KeepAlive)
	t.dialer.giveUp = t.sweeper.giveUp
	if t.forward, err = loadForwardProxy(ctx, t.cfg); err != nil {
		return nil, err
	}
	if t.cfg.TLS != nil {
		if t.tls, err = newTLSConfig(ctx, *t.cfg.TLS); err != nil {
			return nil, fmt.Errorf("transport: tls: %w", err)
		}
	} else {
		t.tls = new(tls.Config)
	}
	if t.http3() && t.cfg.TLS == nil {
		return nil, errors.New("transport: HTTP/3 needs tls")
	}
	if t.http3() && strings.Contains(t.tls.ServerName, "{") {
		return nil, fmt.Errorf("transport: server_name %q: HTTP/3 takes no placeholders", t.tls.ServerName)
	}
	return t, nil
}

// New implements pool.Transports.
func (t *transports) New(addr config.Address) pool.Transport {
	if addr.HasPlaceholder() {
		return newTemplateTransport(t, addr)
	}
	if t.http3() && !addr.IsUnix() {
		return newHTTP3Transport(t, addr)
	}
	if t.covered(addr) {
		return newHTTP1Transport(t, addr)
	}
	return newNetTransport(t, addr)
}

// covered reports whether the backend is for the HTTP/1.1 transport. Like all
// that follows from address and options it is decided once, not by requests.
func (t *transports) covered(addr config.Address) bool {
	cfg := &t.cfg
	return canLookIntoSockets && !t.encrypts(addr) && !t.unencryptedHTTP2(addr) &&
		cfg.ProxyProtocol == "" && cfg.MaxConnsPerHost == 0 && (cfg.Compression == nil || !*cfg.Compression) &&
		(addr.IsUnix() || t.direct(addr))
}

// direct reports whether no forward proxy is between here and the backend. A
// module that was configured to name one may decide anew for each request.
func (t *transports) direct(addr config.Address) bool {
	if t.forward == nil {
		return true
	}
	if t.cfg.ForwardProxyURL != "" || len(t.cfg.NetworkProxyRaw) > 0 {
		return false
	}
	via, err := t.forward(&http.Request{URL: &url.URL{Scheme: "http", Host: addr.HostPort()}})
	return via == nil && err == nil
}

// Equal implements pool.Transports.
func (t *transports) Equal(other pool.Transports) bool {
	o, ok := other.(*transports)
	return ok && (t == o || bytes.Equal(t.text, o.text) && equalTLS(t.tls, o.tls))
}

// Restricted implements pool.Transports. HTTP/3 looks up names by itself and
// is not covered; services to be kept from do not speak it.
func (t *transports) Restricted() pool.Transports {
	r := *t
	r.dialer = t.dialer.restricted()
	return &r
}

// Connector implements pool.Transports.
func (t *transports) Connector(addr config.Address) pool.Connector {
	c := pool.Connector{Dial: t.dialer.probe.DialContext, H2C: t.unencryptedHTTP2(addr)}
	if t.encrypts(addr) {
		c.TLS = t.tls
		if strings.Contains(c.TLS.ServerName, "{") {
			c.TLS = c.TLS.Clone()
			c.TLS.ServerName = "" // there is no request that could tell
		}
	}
	return c
}

// encrypts reports whether TLS is spoken with the backend.
func (t *transports) encrypts(addr config.Address) bool {
	switch addr.Scheme {
	case "https":
		return true
	case "h2c":
		return false
	}
	return t.cfg.TLS != nil && !slices.Contains(t.cfg.TLS.ExceptPorts, addr.Port)
}

func (t *transports) unencryptedHTTP2(addr config.Address) bool {
	return !t.encrypts(addr) && (addr.Scheme == "h2c" || slices.Contains(t.cfg.Versions, "h2c"))
}

func (t *transports) http3() bool { return slices.Contains(t.cfg.Versions, "3") }

func (t *transports) http2() bool {
	return len(t.cfg.Versions) == 0 || slices.Contains(t.cfg.Versions, "2") || slices.Contains(t.cfg.Versions, "h2c")
}

// loadForwardProxy loads the module that names the forward proxy, if any.
func loadForwardProxy(ctx caddy.Context, cfg config.Transport) (proxyFunc, error) {
	if cfg.ForwardProxyURL != "" {
		raw, err := json.Marshal(map[string]string{"from": "url", "url": cfg.ForwardProxyURL})
		if err != nil {
			return nil, fmt.Errorf("transport: forward_proxy_url: %w", err)
		}
		cfg.NetworkProxyRaw = raw
	}
	if len(cfg.NetworkProxyRaw) == 0 {
		return http.ProxyFromEnvironment, nil
	}
	mod, err := ctx.LoadModule(&cfg, "NetworkProxyRaw")
	if err != nil {
		return nil, fmt.Errorf("transport: loading network_proxy: %w", err)
	}
	source, ok := mod.(caddy.ProxyFuncProducer)
	if !ok {
		return nil, fmt.Errorf("transport: network_proxy module %T names no proxy", mod)
	}
	return source.ProxyFunc(), nil
}

// equalTLS compares what was read from files or modules; all else is in the
// configuration's text.
func equalTLS(a, b *tls.Config) bool {
	return equalPools(a.RootCAs, b.RootCAs) &&
		slices.EqualFunc(a.Certificates, b.Certificates, func(x, y tls.Certificate) bool {
			return slices.EqualFunc(x.Certificate, y.Certificate, bytes.Equal)
		})
}

func equalPools(a, b *x509.CertPool) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Equal(b)
}

var _ pool.Transports = (*transports)(nil)
