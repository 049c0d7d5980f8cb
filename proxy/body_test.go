package proxy

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// chunkedBody reads a chunked body from the wire, as it is, to its end.
func chunkedBody(p *peer) string {
	var b strings.Builder
	for {
		line, err := p.br.ReadString('\n')
		b.WriteString(line)
		if err != nil || line == "0\r\n" {
			b.WriteString(p.head())
			return b.String()
		}
	}
}

func TestRequestBodies(t *testing.T) {
	type got struct{ head, body string }
	seen := make(chan got, 1)
	h := start(t, to(rawBackend(t, func(p *peer) {
		for {
			head := p.head()
			switch {
			case head == "":
				return
			case fields(head, "Transfer-Encoding") != nil:
				seen <- got{head, chunkedBody(p)}
			case fields(head, "Content-Length") != nil && fields(head, "Content-Length")[0] != "0":
				seen <- got{head, p.take(5)}
			default:
				seen <- got{head, ""}
			}
			p.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	})))
	for _, c := range []struct{ request, length, body string }{
		{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", "5", "hello"},
		{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "0", ""},
		{"POST / HTTP/1.1\r\nHost: a\r\n\r\n", "0", ""},
		{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", "5", "hello"},
		{"DELETE / HTTP/1.1\r\nHost: a\r\n\r\n", "", ""},
		{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;ext\r\nhello\r\n0\r\n\r\n", "", "5\r\nhello\r\n0\r\n"},
		{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "", "0\r\n"},
		{
			"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
			"", "5\r\nhello\r\n0\r\n",
		},
	} {
		res, _ := h.exchange(c.request)
		wantStatus(t, res, 200)
		g := receive(t, seen, "request")
		wantEqual(t, "Content-Length", strings.Join(fields(g.head, "Content-Length"), ","), c.length)
		wantEqual(t, "body", g.body, c.body)
	}
}

func TestMalformedBodyIsTheClientsFault(t *testing.T) {
	for _, body := range []string{
		"5\r\nhelloX\r\n0\r\n\r\n", "x\r\n", "5\r\nhello\r\n-1\r\n", "5\r\nhello\r\nfffffffffffffffffff\r\n", "0\r\nbad trailer\r\n\r\n",
	} {
		t.Run(body, func(t *testing.T) {
			closed := make(chan string, 2)
			// a request that is bad from the start may not be sent at all
			everything := func(p *peer) { closed <- p.head() + p.rest() }
			cfg := to(rawBackend(t, everything))
			cfg.Backends = append(cfg.Backends, to(rawBackend(t, everything)).Backends...)
			cfg.LoadBalancing = retries(3)
			h := start(t, cfg)
			c := h.dial()
			c.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
			res, _ := c.response("POST")
			wantStatus(t, res, http.StatusBadRequest)
			wantEqual(t, "client connection closed", c.rest(), "")
			if got := receive(t, closed, "backend connection to be closed"); strings.Contains(got, "0\r\n\r\n") {
				t.Errorf("the body looked complete: %q", got)
			}
			if got := h.verdicts(); !slices.Equal(got, []pool.Verdict{pool.ClientFault}) {
				t.Errorf("verdicts %v", got)
			}
		})
	}
}

func TestRequestBuffers(t *testing.T) {
	for _, c := range []struct {
		limit        int64
		body, length string
	}{{10, "hello", "5"}, {5, "hello", "5"}, {4, "5\r\nhello\r\n0\r\n", ""}, {-1, "hello", "5"}} {
		got := make(chan [2]string, 1)
		cfg := to(rawBackend(t, func(p *peer) {
			head := p.head()
			var body string
			if fields(head, "Content-Length") == nil {
				var data strings.Builder
				for line := range strings.SplitSeq(chunkedBody(p), "\r\n") {
					if len(line) > 1 || line == "h" || line == "o" {
						data.WriteString(line)
					}
				}
				body = data.String()
			} else {
				body = p.take(5)
			}
			got <- [2]string{head, body}
			p.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}))
		cfg.RequestBuffers = c.limit
		h := start(t, cfg)
		res, _ := h.exchange("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
		wantStatus(t, res, 200)
		g := receive(t, got, "request")
		wantEqual(t, "Content-Length", strings.Join(fields(g[0], "Content-Length"), ","), c.length)
		wantEqual(t, "body", g[1], "hello")
	}
}

func TestExpectContinue(t *testing.T) {
	const request = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
	t.Run("refused", func(t *testing.T) {
		rest := make(chan string, 1)
		h := start(t, to(rawBackend(t, func(p *peer) {
			if head := p.head(); len(fields(head, "Expect")) != 1 {
				t.Errorf("no expectation in %q", head)
			}
			p.send("HTTP/1.1 417 No\r\nContent-Length: 2\r\n\r\nno")
			rest <- p.rest()
		})))
		c := h.dial()
		c.send(request)
		res, body := c.response("POST")
		wantStatus(t, res, 417)
		wantEqual(t, "body", body, "no")
		wantEqual(t, "bytes of the body", receive(t, rest, "end of the backend connection"), "")
	})
	t.Run("granted", func(t *testing.T) {
		h := start(t, to(rawBackend(t, func(p *peer) {
			p.head()
			p.send("HTTP/1.1 100 Continue\r\n\r\n")
			wantEqual(t, "body", p.take(5), "hello")
			p.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		})))
		c := h.dial()
		c.send(request)
		wantEqual(t, "interim response", c.head(), "HTTP/1.1 100 Continue\r\n")
		c.send("hello")
		res, _ := c.response("POST")
		wantStatus(t, res, 200)
	})
}

func TestEarlyResponse(t *testing.T) {
	h := start(t, to(rawBackend(t, func(p *peer) {
		p.head()
		p.send("HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\nConnection: close\r\n\r\nlarge")
	})))
	c := h.dial()
	c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nstart")
	res, body := c.response("POST")
	wantStatus(t, res, 413)
	wantEqual(t, "body", body, "large")
	wantEqual(t, "closes the client connection", res.Close, true)
}

func TestResponseWhileUploading(t *testing.T) {
	h := start(t, to(rawBackend(t, func(p *peer) {
		p.head()
		p.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
		for range 3 {
			p.send("5\r\n" + p.take(5) + "\r\n")
		}
		p.send("0\r\n\r\n")
	})))
	c := h.dial()
	c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 15\r\n\r\n")
	for i, part := range []string{"hello", "world", "again"} {
		c.send(part)
		if i == 0 {
			if head := c.head(); !strings.HasPrefix(head, "HTTP/1.1 200") {
				t.Fatalf("head %q", head)
			}
		}
		wantEqual(t, "echo", c.take(10), "5\r\n"+part+"\r\n")
	}
	wantEqual(t, "end", c.take(5), "0\r\n\r\n")
}

// A request body that was read whole leaves the client's connection usable.
func TestClientConnectionIsKept(t *testing.T) {
	h := start(t, to(rawBackend(t, func(p *peer) {
		for {
			head := p.head()
			if head == "" {
				return
			}
			if fields(head, "Content-Length") != nil {
				p.take(5)
			} else {
				chunkedBody(p)
			}
			p.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	})))
	c := h.dial()
	for range 5 {
		c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
		res, _ := c.response("POST")
		wantEqual(t, "closes", res.Close, false)
		c.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
		res, _ = c.response("POST")
		wantEqual(t, "closes", res.Close, false)
	}
}
