package proxy

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// cancelTime is how long a client may be gone before its backend is told.
const cancelTime = time.Second

// Wherever an exchange is, it ends when its client leaves, and the backend's
// connection with it.
func TestClientLeavesAtAnyStage(t *testing.T) {
	const get, post = "GET / HTTP/1.1\r\nHost: a\r\n", "POST / HTTP/1.1\r\nHost: a\r\n"
	for _, c := range []struct {
		name    string
		request string
		backend func(p *peer) // up to where the client leaves
		read    string        // of the response by then
	}{
		{"before the response", get + "\r\n", func(p *peer) { p.head() }, ""},
		{"after a hint", get + "\r\n", func(p *peer) { p.head(); p.send("HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n") }, "HTTP/1.1 103"},
		{"in the head", get + "\r\n", func(p *peer) { p.head(); p.send("HTTP/1.1 200 OK\r\nX-A:") }, ""},
		{"behind the head", get + "\r\n", func(p *peer) { p.head(); p.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n") }, "HTTP/1.1 200"},
		{"in a body with a length", get + "\r\n", func(p *peer) { p.head(); p.send("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello") }, "hello"},
		{"in chunks", get + "\r\n", func(p *peer) {
			p.head()
			p.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
		}, "hello"},
		{"in a body without a length", get + "\r\n", func(p *peer) { p.head(); p.send("HTTP/1.1 200 OK\r\n\r\nhello") }, "hello"},
		{"behind a body that was sent", post + "Content-Length: 2\r\n\r\nhi", func(p *peer) { p.head(); p.take(2) }, ""},
		{"in the upload", post + "Content-Length: 20\r\n\r\nhi", func(p *peer) { p.head(); p.take(2) }, ""},
		{"in the chunks of an upload", post + "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", func(p *peer) { p.head(); p.take(7) }, ""},
		{"before the upload", post + "Content-Length: 20\r\n\r\n", func(p *peer) { p.head() }, ""},
		{"while 100 is awaited", post + "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n", func(p *peer) { p.head() }, ""},
		{"behind 100", post + "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n", func(p *peer) { p.head(); p.send("HTTP/1.1 100 Continue\r\n\r\n") }, "HTTP/1.1 100"},
		{"in upload and response", post + "Content-Length: 20\r\n\r\nhi", func(p *peer) {
			p.head()
			p.take(2)
			p.send("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello")
		}, "hello"},
	} {
		for name, leave := range map[string]func(*peer){
			"FIN": func(p *peer) { _ = p.Close() },
			"RST": func(p *peer) { _ = p.Conn.(*net.TCPConn).SetLinger(0); _ = p.Close() },
		} {
			t.Run(c.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				there := make(chan struct{})
				ended := make(chan time.Time, 1)
				cfg := to(rawBackend(t, func(p *peer) {
					c.backend(p)
					close(there)
					p.rest()
					ended <- time.Now()
				}))
				// no server reads from a client that waits for 100, and nobody else does
				cfg.Transport = &config.Transport{ExpectContinueTimeout: caddy.Duration(cancelTime / 2)}
				h := start(t, cfg)
				client := h.dial()
				client.send(c.request)
				receive(t, there, "the backend to get there")
				var got strings.Builder
				for !strings.Contains(got.String(), c.read) {
					b, err := client.br.ReadByte()
					if err != nil {
						t.Fatalf("%q, %v", got.String(), err)
					}
					got.WriteByte(b)
				}
				left := time.Now()
				leave(client)
				if d := receive(t, ended, "end of the backend's connection").Sub(left); d > cancelTime {
					t.Errorf("the backend's connection ended after %s", d)
				}
				h.result(0)
				for _, v := range h.verdicts() {
					if v == pool.Failed {
						t.Error("it is counted against the backend")
					}
				}
				h.wantIdle()
			})
		}
	}
}

// wantIdle waits until nothing is in flight.
func (h *harness) wantIdle() {
	h.t.Helper()
	for _, tier := range h.pool.Snapshot().Tiers {
		for _, m := range tier.Members {
			eventually(h.t, "requests in flight to end", func() bool { return m.InFlight() == 0 })
		}
	}
}

// The same while the head of a request is written that the backend does not read.
func TestClientLeavesWhileTheHeadIsWritten(t *testing.T) {
	begun := make(chan struct{})
	leave := make(chan struct{})
	ended := make(chan time.Time, 1)
	h := start(t, to(rawBackend(t, func(p *peer) {
		p.take(1)
		close(begun)
		<-leave
		p.rest()
		ended <- time.Now()
	})))
	h.before = func(_ http.ResponseWriter, r *http.Request) {
		r.Header["X-Long"] = []string{strings.Repeat("x", 16<<20)} // more than sockets take
	}
	c := h.dial()
	c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	receive(t, begun, "request")
	left := time.Now()
	_ = c.Close()
	res := h.result(0) // while the backend reads nothing
	if d := time.Since(left); d > cancelTime {
		t.Errorf("the request ended after %s", d)
	}
	wantEqual(t, "status", res.written, statusClientGone)
	close(leave)
	receive(t, ended, "end of the backend's connection")
	h.wantIdle()
}

// The same while the backend is dialed.
func TestClientLeavesWhileDialing(t *testing.T) {
	cfg := to(unreachable(t))
	cfg.Transport = &config.Transport{DialTimeout: caddy.Duration(time.Minute)}
	h := start(t, cfg)
	for n, request := range []string{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"} {
		began := make(chan struct{})
		h.before = func(http.ResponseWriter, *http.Request) { close(began) }
		c := h.dial()
		c.send(request)
		receive(t, began, "request")
		left := time.Now()
		_ = c.Close()
		res := h.result(n)
		if d := time.Since(left); d > cancelTime {
			t.Errorf("the request ended after %s", d)
		}
		wantEqual(t, "status", res.written, statusClientGone)
	}
	h.wantIdle()
	for _, v := range h.verdicts() {
		wantEqual(t, "verdict", v, pool.ClientFault)
	}
}

// unreachable returns an address on which connections are not accepted: that of
// a listener whose backlog is full.
func unreachable(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
	for range 4 {
		conn, err := net.DialTimeout("tcp", addr, 100*time.Millisecond)
		if err != nil {
			break
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	return addr
}
