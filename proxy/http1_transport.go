package proxy

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// http1Transport carries requests to one backend over HTTP/1.1 without TLS. An
// exchange is synchronous: it runs in the request's own goroutine, and only the
// body of a request has another one.
type http1Transport struct {
	dialer          *dialer
	network         string
	address         string // to dial
	host            string // of requests that name none
	keepAlive       bool
	headerTimeout   time.Duration // 0: none
	continueTimeout time.Duration
	idle            idleConns
}

func newHTTP1Transport(maker *transports, addr config.Address) *http1Transport {
	cfg := &maker.cfg
	t := &http1Transport{
		dialer: maker.dialer, keepAlive: true,
		headerTimeout:   config.DefaultResponseHeaderTimeout,
		continueTimeout: orDefault(cfg.ExpectContinueTimeout, config.DefaultExpectContinueTimeout),
	}
	t.network, t.address = addr.Dial()
	t.host = t.address
	if addr.IsUnix() {
		t.host = "localhost"
	}
	if cfg.ResponseHeaderTimeout != nil {
		t.headerTimeout = time.Duration(*cfg.ResponseHeaderTimeout)
	}
	t.idle.limit = config.DefaultMaxIdleConnsPerHost
	if ka := cfg.KeepAlive; ka != nil {
		t.keepAlive = ka.Enabled == nil || *ka.Enabled
		if ka.MaxIdleConnsPerHost != 0 {
			t.idle.limit = ka.MaxIdleConnsPerHost
		}
	}
	t.idle.sweeper = maker.sweeper
	return t
}

// send implements Transport.
func (t *http1Transport) send(a *attempt) (*http.Response, error) {
	h := &a.http1
	h.start(a, t)
	a.carrier = h
	if !a.plain() {
		if _, err := a.request(); err != nil {
			return nil, err
		}
	}
	again := false
	for {
		conn, err := t.connect(a.r.Context(), again, h.asks())
		if err != nil {
			return nil, err
		}
		res, err := h.roundTrip(conn)
		switch {
		case err == nil:
			return res, nil
		case errors.Is(err, errStale):
			_ = conn.Close()
			continue // nothing was sent
		case again || !h.mayRepeat(err):
			return res, err
		}
		h.end()
		h.start(a, t)
		again = true // the other idle connections may be as stale
	}
}

// connect returns an idle connection, unless a fresh one is wanted, or else a
// new one. It is fit for use, or looked at when it is used.
func (t *http1Transport) connect(ctx context.Context, fresh, unseen bool) (*http1Conn, error) {
	for !fresh {
		c := t.idle.take()
		if c == nil {
			break
		}
		if unseen || c.look() == lookQuiet {
			return c, nil
		}
		_ = c.Close()
	}
	raw, err := t.dialer.dial(ctx, t.network, t.address)
	if err != nil {
		return nil, &connectError{err}
	}
	c := newHTTP1Conn(raw)
	if !unseen {
		if err := c.greeting(c.look()); err != nil {
			_ = c.Close()
			return nil, err
		}
	}
	return c, nil
}

// keep makes a connection available to others, or closes it.
func (t *http1Transport) keep(c *http1Conn) {
	c.used = true
	if !t.keepAlive || !t.idle.put(c) {
		_ = c.Close()
	}
}

// target implements Transport.
func (t *http1Transport) target() (network, address string) { return t.network, t.address }

// CloseIdle implements Transport. Connections that are in use now are closed
// when their exchange ends.
func (t *http1Transport) CloseIdle() { t.idle.close() }

var _ Transport = (*http1Transport)(nil)
