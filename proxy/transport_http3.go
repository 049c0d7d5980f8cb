package proxy

import (
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// http3Transport carries requests to one backend over HTTP/3.
type http3Transport struct {
	host string
	rt   *http3.Transport

	takeTimeout time.Duration

	mu      sync.Mutex
	active  int  // requests whose response was not read to its end
	closing bool // rt is to be closed when none is
}

func newHTTP3Transport(maker *transports, addr config.Address) *http3Transport {
	idle := config.DefaultIdleConnTimeout
	if ka := maker.cfg.KeepAlive; ka != nil {
		idle = orDefault(ka.IdleConnTimeout, idle)
	}
	tlsConfig := maker.tls.Clone()
	return &http3Transport{
		host: addr.HostPort(), takeTimeout: maker.dialer.takeTimeout,
		rt: &http3.Transport{
			TLSClientConfig:        tlsConfig,
			DisableCompression:     maker.cfg.Compression == nil || !*maker.cfg.Compression,
			MaxResponseHeaderBytes: maker.dialer.maxHead,
			QUICConfig: &quic.Config{
				HandshakeIdleTimeout: min(maker.dialer.handshake, maker.dialer.traffic.Timeout),
				MaxIdleTimeout:       max(idle, time.Second),
			},
		},
	}
}

// send implements Transport.
func (t *http3Transport) send(a *attempt) (*http.Response, error) {
	a.host = t.host
	c := newNetCarrier(a, t.takeTimeout)
	return c.roundTrip(c.ctx, t, t.aim)
}

// aim points a request at the backend.
func (t *http3Transport) aim(r *http.Request) { r.URL.Scheme, r.URL.Host = "https", t.host }

// target implements Transport.
func (t *http3Transport) target() (network, address string) { return "tcp", t.host }

// RoundTrip implements http.RoundTripper. It counts the requests under way.
func (t *http3Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	t.mu.Lock()
	t.active++
	t.mu.Unlock()
	res, err := t.rt.RoundTrip(r)
	if err != nil {
		t.done()
		return nil, err
	}
	res.Body = &http3Body{ReadCloser: res.Body, done: sync.OnceFunc(t.done)}
	return res, nil
}

// done ends one request.
func (t *http3Transport) done() {
	t.mu.Lock()
	t.active--
	last := t.closing && t.active == 0
	t.mu.Unlock()
	if last {
		_ = t.rt.Close()
	}
}

// http3Body tells when a response has been read.
type http3Body struct {
	io.ReadCloser
	done func()
}

// Close implements io.Closer.
func (b *http3Body) Close() error {
	defer b.done()
	return b.ReadCloser.Close()
}

// CloseIdle implements Transport. The socket is closed with the last request.
func (t *http3Transport) CloseIdle() {
	t.mu.Lock()
	t.closing = true
	idle := t.active == 0
	t.mu.Unlock()
	if idle {
		_ = t.rt.Close()
	}
}

var (
	_ Transport         = (*http3Transport)(nil)
	_ http.RoundTripper = (*http3Transport)(nil)
)
