package proxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// peer is a raw connection, from the side of a client or of a backend.
type peer struct {
	net.Conn
	t  testing.TB
	br *bufio.Reader
	n  int // of backend connections: the how manieth
}

func newPeer(t testing.TB, conn net.Conn) *peer {
	_ = conn.SetDeadline(time.Now().Add(patience))
	return &peer{Conn: conn, t: t, br: bufio.NewReader(conn)}
}

// dial opens a raw connection to the proxy.
func (h *harness) dial() *peer {
	h.t.Helper()
	conn, err := net.Dial("tcp", h.addr)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = conn.Close() })
	return newPeer(h.t, conn)
}

// send writes bytes as they are. Errors show when reading.
func (p *peer) send(s string) { _, _ = io.WriteString(p.Conn, s) }

// head reads the head of a message, without the empty line; "" at its end.
func (p *peer) head() string {
	var b strings.Builder
	for {
		line, err := p.br.ReadString('\n')
		if err != nil {
			return b.String() + line
		}
		if line == "\r\n" {
			return b.String()
		}
		b.WriteString(line)
	}
}

// take reads n bytes.
func (p *peer) take(n int) string {
	b := make([]byte, n)
	m, err := io.ReadFull(p.br, b)
	if err != nil {
		return string(b[:m]) + "<" + err.Error() + ">"
	}
	return string(b)
}

// rest reads until the connection ends; the error is part of the text unless
// it is a clean end.
func (p *peer) rest() string {
	b, err := io.ReadAll(p.br)
	if err != nil {
		return string(b) + "<" + err.Error() + ">"
	}
	return string(b)
}

// response reads a response with its body.
func (p *peer) response(method string) (*http.Response, string) {
	p.t.Helper()
	res, err := http.ReadResponse(p.br, &http.Request{Method: method})
	if err != nil {
		p.t.Fatalf("reading response: %v", err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return res, string(body) + "<" + err.Error() + ">"
	}
	_ = res.Body.Close()
	return res, string(body)
}

// exchange sends a request on a new connection and reads the response.
func (h *harness) exchange(request string) (*http.Response, string) {
	h.t.Helper()
	c := h.dial()
	c.send(request)
	method, _, _ := strings.Cut(request, " ")
	return c.response(method)
}

// rawBackend runs a backend that handles each connection with script.
func rawBackend(t testing.TB, script func(*peer)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serveRaw(t, ln, script)
	return ln.Addr().String()
}

func serveRaw(t testing.TB, ln net.Listener, script func(*peer)) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	conns := make(map[net.Conn]bool)
	wg.Go(func() {
		for n := 0; ; n++ {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns[conn] = true
			mu.Unlock()
			wg.Go(func() {
				defer func() { _ = conn.Close() }()
				p := newPeer(t, conn)
				p.n = n
				script(p)
			})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		mu.Lock()
		for conn := range conns {
			_ = conn.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
}

// answering is a script that answers every request on a connection, which
// must have no body, with the same bytes.
func answering(response string) func(*peer) {
	return func(p *peer) {
		for p.head() != "" {
			p.send(response)
		}
	}
}

// capturing is a script that hands on each request's head and answers 200.
func capturing(heads chan<- string) func(*peer) {
	return func(p *peer) {
		for {
			head := p.head()
			if head == "" {
				return
			}
			heads <- head
			p.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	}
}

// to returns a config with these backends.
func to(addrs ...string) *config.Handler {
	cfg := new(config.Handler)
	for _, addr := range addrs {
		cfg.Backends = append(cfg.Backends, config.Backend{Address: addr})
	}
	return cfg
}

// refused returns an address on which nothing listens.
func refused(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}

// fields returns the values of a header field in a raw head.
func fields(head, name string) []string {
	var values []string
	for line := range strings.SplitSeq(head, "\r\n") {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.EqualFold(k, name) {
			values = append(values, strings.TrimSpace(v))
		}
	}
	return values
}

func receive[T any](t testing.TB, ch <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatalf("timed out waiting for %s", what)
		panic("unreachable")
	}
}

func wantStatus(t testing.TB, res *http.Response, status int) {
	t.Helper()
	if res.StatusCode != status {
		t.Fatalf("status %d, want %d", res.StatusCode, status)
	}
}

func wantEqual[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
