package proxy

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

func TestTakeWatch(t *testing.T) {
	const limit = time.Minute
	for _, test := range []struct {
		name  string
		steps func(w *takeWatch)
		stuck time.Duration // 0: never
	}{
		{"nothing to take", func(*takeWatch) {}, 0},
		{"never taken", func(w *takeWatch) { w.given() }, limit},
		{"taken", func(w *takeWatch) { w.given(); time.Sleep(limit - 1); w.taken() }, 0},
		{"piece by piece", func(w *takeWatch) {
			for range 10 {
				w.given()
				time.Sleep(limit - 1)
				w.taken()
				time.Sleep(limit * 10) // for the client
			}
			w.given()
		}, 10*(11*limit-1) + limit},
		{"ended", func(w *takeWatch) { w.given(); w.end() }, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				var after time.Duration
				w := watchTaking(limit, func() { after = time.Since(began) })
				test.steps(w)
				time.Sleep(100 * limit)
				w.end()
				if after != test.stuck || (w.err() != nil) != (test.stuck > 0) || w.err() != nil && !isTimeout(w.err()) {
					t.Errorf("stuck after %s (%v), want %s", after, w.err(), test.stuck)
				}
			})
		})
	}
	none := watchTaking(0, nil)
	none.given()
	none.taken()
	none.end()
	if none.err() != nil {
		t.Error("no limit was exceeded")
	}
}

// A backend that takes nothing of an upload is given up with 504, and it is the
// backend's fault, also where its connection is as lively as can be.
func TestBackendTakesNothing(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	h2c := new(http.Protocols)
	h2c.SetUnencryptedHTTP2(true)
	srv := &harness{t: t, release: func() {}}
	for name, backend := range map[string]string{
		"HTTP/1": rawBackend(t, func(p *peer) { p.head(); <-release }),
		"HTTP/2": "h2c://" + srv.serveHandler(nil, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }), h2c),
	} {
		t.Run(name, func(t *testing.T) {
			cfg := to(backend)
			cfg.Transport = &config.Transport{WriteTimeout: new(caddy.Duration(shortly))}
			h := start(t, cfg)
			c := h.dial()
			c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 67108864\r\n\r\n")
			go c.send(strings.Repeat("x", 64<<20))
			res, _ := c.response("POST")
			wantStatus(t, res, http.StatusGatewayTimeout)
			h.idle()
			if got := h.verdicts(); !slices.Equal(got, []pool.Verdict{pool.Failed}) {
				t.Errorf("verdicts %v", got)
			}
			if err := h.result(0).err; !strings.Contains(err.Error(), "writ") { // by the connection, or for the exchange
				t.Errorf("error %v", err)
			}
		})
	}
}

// A backend that waits for more of a slow upload is not one that takes nothing.
func TestBackendWaitsForMore(t *testing.T) {
	cfg := to(rawBackend(t, func(p *peer) {
		p.head()
		p.take(2)
		p.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	}))
	cfg.Transport = &config.Transport{WriteTimeout: new(caddy.Duration(shortly))}
	c := start(t, cfg).dial()
	c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nx")
	<-time.After(3 * shortly)
	c.send("x")
	res, _ := c.response("POST")
	wantStatus(t, res, http.StatusOK)
}

// One that has answered goes on with the request when it likes, unless that was
// configured otherwise.
func TestBackendAnswersAndTakesNothing(t *testing.T) {
	const size = 64 << 20
	h := start(t, to(rawBackend(t, func(p *peer) {
		p.head()
		<-time.After(shortly)
		p.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
		<-time.After(4 * shortly)
		_, _ = io.CopyN(io.Discard, p.br, size)
		p.send("2\r\nok\r\n0\r\n\r\n")
	})))
	h.def.Transports.(*transports).dialer.takeTimeout = 3 * shortly
	c := h.dial()
	c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 67108864\r\n\r\n")
	go c.send(strings.Repeat("x", size))
	res, body := c.response("POST")
	wantStatus(t, res, http.StatusOK)
	wantEqual(t, "body", body, "ok")
}
