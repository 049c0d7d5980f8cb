package proxy

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

func TestResponsesWithoutBody(t *testing.T) {
	for _, c := range []struct{ method, response, length string }{
		{"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n", "50"},
		{"HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", ""},
		{"GET", "HTTP/1.1 204 No Content\r\n\r\n", ""},
		{"GET", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", ""},
		{"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 50\r\nETag: x\r\n\r\n", ""},
		{"GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "0"},
	} {
		t.Run(c.response, func(t *testing.T) {
			conns := make(chan int, 9)
			h := start(t, to(rawBackend(t, func(p *peer) {
				for p.head() != "" {
					conns <- p.n
					p.send(c.response)
				}
			})))
			client := h.dial()
			for range 3 { // also shows that nothing is left on either connection
				client.send(c.method + " / HTTP/1.1\r\nHost: a\r\n\r\n")
				head := client.head()
				if !strings.HasPrefix(head, c.response[:12]) {
					t.Fatalf("head %q", head)
				}
				wantEqual(t, "Content-Length", strings.Join(fields(head, "Content-Length"), ","), c.length)
				wantEqual(t, "connection", receive(t, conns, "request"), 0)
			}
		})
	}
}

func TestResponseUntilClose(t *testing.T) {
	for _, version := range []string{"1.0", "1.1"} {
		h := start(t, to(rawBackend(t, func(p *peer) {
			p.head()
			p.send("HTTP/" + version + " 200 OK\r\n\r\nall of it")
		})))
		res, body := h.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		wantStatus(t, res, 200)
		wantEqual(t, "body", body, "all of it")
	}
}

func TestTruncatedResponsesDoNotLookComplete(t *testing.T) {
	for name, response := range map[string]string{
		"length":           "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
		"chunked":          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
		"in a chunk":       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhello",
		"before trailer":   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
		"bad chunk size":   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nxyz\r\n",
		"bare LF in chunk": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\n0\r\n\r\n",
		"long chunk":       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello!\r\n0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			h := start(t, to(rawBackend(t, func(p *peer) {
				p.head()
				p.send(response)
			})))
			res, body := h.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			wantStatus(t, res, 200)
			wantEqual(t, "body", body, "hello<unexpected EOF>")
			if !h.result(0).panicked {
				t.Error("the connection was not aborted")
			}
			if got := h.verdicts(); !slices.Equal(got, []pool.Verdict{pool.Answered, pool.Failed}) {
				t.Errorf("verdicts %v", got)
			}
			wantEqual(t, "warnings", h.logs.FilterMessage("response was cut short").Len(), 1)
		})
	}
}

func TestStreamsAtOnce(t *testing.T) {
	for name, head := range map[string]string{
		"chunked":        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
		"events":         "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nContent-Length: 15\r\n\r\n",
		"incremental":    "HTTP/1.1 200 OK\r\nIncremental: ?1\r\nContent-Length: 15\r\n\r\n",
		"flush_interval": "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n",
		"slow":           "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			goOn := make(chan struct{})
			cfg := to(rawBackend(t, func(p *peer) {
				p.head()
				p.send(head)
				for range 3 {
					<-goOn
					if name == "chunked" {
						p.send("5\r\nhello\r\n")
					} else {
						p.send("hello")
					}
				}
				if name == "chunked" {
					p.send("0\r\n\r\n")
				}
				p.rest()
			}))
			if name == "flush_interval" {
				cfg.FlushInterval = caddy.Duration(time.Millisecond)
			}
			h := start(t, cfg)
			c := h.dial()
			c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			res, err := http.ReadResponse(c.br, nil) // before any of the body
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				goOn <- struct{}{}
				var b [5]byte
				for n := 0; n < len(b); {
					k, err := res.Body.Read(b[n:])
					if err != nil && n+k < len(b) {
						t.Fatal(err)
					}
					n += k
				}
				wantEqual(t, "event", string(b[:]), "hello")
			}
		})
	}
}

func TestTrailers(t *testing.T) {
	t.Run("of responses", func(t *testing.T) {
		h := start(t, to(rawBackend(t, answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Told\r\n\r\n"+
			"5\r\nhello\r\n0\r\nX-Told: 1\r\nX-Untold: 2\r\nSet-Cookie: a=b\r\nX-Forwarded-For: 1.1.1.1\r\nAuthorization: x\r\n\r\n"))))
		c := h.dial()
		for range 2 {
			c.send("GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n")
			res, body := c.response("GET")
			wantEqual(t, "body", body, "hello")
			wantEqual(t, "announced", res.Trailer.Get("X-Told"), "1")
			wantEqual(t, "unannounced", res.Trailer.Get("X-Untold"), "2")
			for name := range res.Trailer {
				if forbiddenTrailer(name) {
					t.Errorf("trailer has %s", name)
				}
			}
		}
	})
	t.Run("of requests", func(t *testing.T) {
		got := make(chan [2]string, 1)
		h := start(t, to(rawBackend(t, func(p *peer) {
			for {
				head := p.head()
				if head == "" {
					return
				}
				got <- [2]string{head, chunkedBody(p)}
				p.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			}
		})))
		res, _ := h.exchange("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Told, Host, Authorization\r\n\r\n" +
			"5\r\nhello\r\n0\r\nX-Told: 1\r\nX-Untold: 2\r\nHost: evil\r\nX-Forwarded-For: 1.1.1.1\r\nAuthorization: x\r\n\r\n")
		wantStatus(t, res, 200)
		g := receive(t, got, "request")
		wantEqual(t, "Trailer", strings.Join(fields(g[0], "Trailer"), ","), "X-Told")
		lines := strings.Split(strings.TrimSpace(g[1]), "\r\n")
		slices.Sort(lines)
		if !slices.Equal(lines, []string{"0", "5", "X-Told: 1", "X-Untold: 2", "hello"}) {
			t.Errorf("body %q", g[1])
		}
	})
}

func TestInterimResponses(t *testing.T) {
	h := start(t, to(rawBackend(t, answering("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\n"+
		"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))))
	c := h.dial()
	c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	early := c.head()
	if !strings.HasPrefix(early, "HTTP/1.1 103") || !slices.Equal(fields(early, "Link"), []string{"</a.css>"}) || fields(early, "X-Hop") != nil {
		t.Errorf("first interim response %q", early)
	}
	if second := c.head(); !strings.HasPrefix(second, "HTTP/1.1 102") || fields(second, "Link") != nil {
		t.Errorf("second interim response %q", second)
	}
	res, body := c.response("GET")
	wantStatus(t, res, 200)
	wantEqual(t, "body", body, "ok")
	wantEqual(t, "Link", res.Header.Get("Link"), "")
	t.Run("not for HTTP/1.0", func(t *testing.T) {
		res, body := h.exchange("GET / HTTP/1.0\r\nHost: a\r\n\r\n")
		wantStatus(t, res, 200)
		wantEqual(t, "body", body, "ok")
	})
}

func TestIncrementalIsRefusedWithBuffers(t *testing.T) {
	cfg := to(rawBackend(t, answering("HTTP/1.1 200 OK\r\nIncremental: ?1\r\nProxy-Status: inner; error=x\r\nContent-Length: 2\r\n\r\nok")))
	cfg.RequestBuffers, cfg.ResponseBuffers, cfg.ProxyStatusName = 100, 100, "edge"
	h := start(t, cfg)
	res, _ := h.exchange("POST / HTTP/1.1\r\nHost: a\r\nIncremental: ?1\r\nContent-Length: 2\r\n\r\nab")
	wantStatus(t, res, 501)
	wantEqual(t, "Proxy-Status", res.Header.Get("Proxy-Status"), "edge;error=incremental_refused")
	res, _ = h.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	wantStatus(t, res, 501)
	wantEqual(t, "Proxy-Status", res.Header.Get("Proxy-Status"), "inner;error=x, edge;error=incremental_refused")
}

func TestResponseBuffers(t *testing.T) {
	long := strings.Repeat("x", 1000)
	for _, limit := range []int64{10, 1000, 2000, -1} {
		cfg := to(rawBackend(t, answering("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"+long)))
		cfg.ResponseBuffers = limit
		h := start(t, cfg)
		_, body := h.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		wantEqual(t, "body", body, long)
	}
}
