package proxy

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

// wantNothingHeld expects that all memory for reading ahead is given back.
func wantNothingHeld(t *testing.T) {
	t.Helper()
	eventually(t, "memory to be given back", func() bool { return aheadInUse.Load() == 0 })
}

// chunked returns a body in chunked coding, but for its end.
func chunked(parts ...string) string {
	var b strings.Builder
	for _, part := range parts {
		fmt.Fprintf(&b, "%x\r\n%s\r\n", len(part), part)
	}
	return b.String()
}

// A body that is read while its request waits comes to the backend as it is, and
// what is there of it at once.
func TestBodyReadAhead(t *testing.T) {
	long := string(bytesOf(3 * aheadLimit))
	const inChunks = "Transfer-Encoding: chunked\r\n\r\n"
	for name, c := range map[string]struct{ fields, before, after, first, rest string }{
		"whole":             {"Content-Length: 5\r\n\r\n", "hello", "", "hello", ""},
		"half":              {"Content-Length: 10\r\n\r\n", "hello", "world", "hello", "world"},
		"none":              {"Content-Length: 5\r\n\r\n", "", "hello", "", "hello"},
		"too long":          {fmt.Sprintf("Content-Length: %d\r\n\r\n", len(long)), long[:100], long[100:], long[:100], long[100:]},
		"chunked":           {inChunks, chunked("hello") + "0\r\n\r\n", "", "hello", ""},
		"chunked half":      {inChunks, chunked("hello"), chunked("world") + "0\r\n\r\n", "hello", "world"},
		"chunked, too long": {inChunks, chunked("hello", long), chunked("end") + "0\r\n\r\n", "hello" + long, "end"},
		"with a trailer":    {"Trailer: X-Sum\r\n" + inChunks, chunked("hello") + "0\r\nX-Sum: 1\r\n\r\n", "", "hello", "1"},
	} {
		t.Run(name, func(t *testing.T) {
			parts := make(chan string, 2)
			f := startFull(t, config.Handler{}, func(p *peer, r *http.Request) {
				first := make([]byte, len(c.first))
				_, _ = io.ReadFull(r.Body, first)
				parts <- string(first)
				rest, _ := io.ReadAll(r.Body)
				parts <- string(rest) + r.Trailer.Get("X-Sum")
				p.send(ok)
			})
			second := f.waiting("POST / HTTP/1.1\r\nHost: a\r\n" + c.fields)
			second.send(c.before)
			f.goOn()
			for i, want := range []string{c.first, c.rest} {
				if got := receive(t, parts, "a part of the body"); got != want {
					t.Errorf("part %d: %d bytes, which differ from the %d sent", i, len(got), len(want))
				}
				if i == 0 {
					second.send(c.after)
				}
			}
			res, _ := second.response("POST")
			wantStatus(t, res, http.StatusOK)
			wantEqual(t, "closes the client connection", res.Close, false)
			wantNothingHeld(t)
		})
	}
}

// Whether a body is wanted is the backend's to say.
func TestBodyIsNotAskedForAhead(t *testing.T) {
	f := startFull(t, config.Handler{}, func(p *peer, _ *http.Request) {
		p.send("HTTP/1.1 417 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	})
	c := f.waiting("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
	f.goOn()
	res, _ := c.response("POST")
	wantStatus(t, res, http.StatusExpectationFailed)
}

// A backend may answer while a read of the body that began before goes on.
func TestEarlyResponseToBodyReadAhead(t *testing.T) {
	f := startFull(t, config.Handler{}, func(p *peer, _ *http.Request) {
		p.send("HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\nConnection: close\r\n\r\nlarge")
	})
	c := f.waiting("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nstart")
	f.goOn()
	res, body := c.response("POST")
	wantStatus(t, res, http.StatusRequestEntityTooLarge)
	wantEqual(t, "body", body, "large")
	wantEqual(t, "closes the client connection", res.Close, true)
	wantNothingHeld(t)
}

// What has come of the body is there for the next attempt if one has failed that
// waited for more.
func TestBodyReadAheadOutlivesAnAttempt(t *testing.T) {
	var attempts atomic.Int32
	failed := make(chan struct{})
	f := startFull(t, config.Handler{LoadBalancing: retries(2)}, func(p *peer, r *http.Request) {
		if attempts.Add(1) == 1 {
			_, _ = io.ReadFull(r.Body, make([]byte, 5))
			_ = p.Close()
			close(failed)
			return
		}
		body, _ := io.ReadAll(r.Body)
		p.send(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
	})
	c := f.waiting("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello")
	f.goOn()
	receive(t, failed, "first attempt")
	eventually(t, "second attempt", func() bool { return attempts.Load() == 2 })
	c.send("world")
	res, body := c.response("GET")
	wantStatus(t, res, http.StatusOK)
	wantEqual(t, "body", body, "helloworld")
}

// Where there is no memory left for it, bodies wait with their clients.
func TestNoMemoryToReadAhead(t *testing.T) {
	aheadInUse.Add(aheadTotal)
	defer aheadInUse.Add(-aheadTotal)
	f := startFull(t, config.Handler{}, func(p *peer, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		p.send(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
	})
	c := f.waiting("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
	f.goOn()
	res, body := c.response("POST")
	wantStatus(t, res, http.StatusOK)
	wantEqual(t, "body", body, "hello")
	wantEqual(t, "memory held", aheadInUse.Load(), aheadTotal)
}

// A request whose time to wait is over is answered although its body has not come.
func TestBodyReadAheadEndsWithTheWait(t *testing.T) {
	f := startFull(t, config.Handler{LoadBalancing: tryFor(100 * time.Millisecond)}, nil)
	c := f.dial()
	c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n")
	res, _ := c.response("POST")
	wantStatus(t, res, http.StatusServiceUnavailable)
	wantEqual(t, "closes the client connection", res.Close, true)
	wantEqual(t, "rest", c.rest(), "")
	f.wantGone(http.StatusServiceUnavailable)
}

// Another handler may deal with a request that no backend has got, body and all.
func TestBodyReadAheadIsGivenBack(t *testing.T) {
	for _, request := range []string{
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked("he", "llo") + "0\r\n\r\n",
	} {
		f := startFull(t, config.Handler{LoadBalancing: tryFor(100 * time.Millisecond)}, nil)
		fallback := f.serveHandler(nil, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, f.srv)
			if err := f.proxy.ServeHTTP(w, r); statusOf(err, 0) != http.StatusServiceUnavailable {
				t.Errorf("error %v", err)
			}
			_, _ = io.Copy(w, r.Body)
		}), nil)
		conn, err := net.Dial("tcp", fallback)
		if err != nil {
			t.Fatal(err)
		}
		c := newPeer(t, conn)
		c.send(request)
		_, body := c.response("POST")
		wantEqual(t, "body", body, "hello")
		wantEqual(t, "closed", c.Close(), error(nil))
		wantNothingHeld(t)
	}
}
