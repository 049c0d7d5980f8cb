package compare

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

// One of three backends is known to be sick, and configs are loaded that change
// nothing about it.
func TestReloadKeepsHealth(t *testing.T) {
	compare(t, "one of 3 backends fails its checks and all requests; 20 reloads under load", "requests that it got and failed", func(t *testing.T, d directive) string {
		_, addrs := newBackends(t, 2, ok)
		sick := newBackend(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
		sick.sick.Store(true)
		s := serve(t, d, "lb_policy round_robin\nhealth_uri /health\nhealth_interval 5s", append(addrs, sick.addr)...)
		began := time.Now()
		for s.clients(4, times(100), s.get).errors() > 0 { // until it gets nothing more
			if time.Since(began) > patience {
				t.Fatal("the sick one still gets requests")
			}
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i := range 20 {
				s.reload(fmt.Sprint(i + 2))
			}
		}()
		result := s.clients(8, until(done, 0), s.get)
		// connections that the system had queued for the listener that is
		// closed are reset, whatever the directive; 500 is the sick one's
		failed := result.statuses[http.StatusInternalServerError]
		want(t, d, failed == 0, "%v", result.statuses)
		return fmt.Sprintf("%d of %d", failed, result.requests)
	})
}

// Upgraded connections live through a reload that keeps their backend.
func TestReloadKeepsTunnels(t *testing.T) {
	const n = 20
	compare(t, "20 WebSockets, and a reload that changes something else", "of them still open", func(t *testing.T, d directive) string {
		pending := make(chan struct{})
		b := newBackend(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/pending" {
				close(pending)
				<-r.Context().Done()
				return
			}
			echo(w, r)
		})
		s := serve(t, d, "", b.addr)
		var conns []*bufio.ReadWriter
		for range n {
			conn, err := net.Dial("tcp", s.front)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(patience))
			c := bufio.NewReadWriter(bufio.NewReader(conn), bufio.NewWriter(conn))
			_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: "+s.front+"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
				"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
			res, err := http.ReadResponse(c.Reader, nil)
			if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
				t.Fatalf("%v, %v", res, err)
			}
			if !echoes(c) {
				t.Fatal("no echo")
			}
			conns = append(conns, c)
		}
		s.ask("/pending")
		<-pending
		s.reload("2")
		// the config before is gone when its grace period has ended for the
		// request, and so is all that it takes with it
		process.Eventually(t, func() error {
			if !strings.Contains(s.caddy.Log(), `"msg":"server shutdown"`) {
				return errors.New("the grace period goes on")
			}
			return nil
		})
		open := 0
		for _, c := range conns {
			if echoes(c) {
				open++
			}
		}
		want(t, d, open == n, "%d", open)
		return fmt.Sprint(open)
	})
}

// ask sends a request that nobody waits for.
func (s *site) ask(path string) {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.front)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: "+s.front+"\r\n\r\n"); err != nil {
		s.t.Fatal(err)
	}
}

// echo switches protocols and sends back what it gets.
func echo(w http.ResponseWriter, r *http.Request) {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		return
	}
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
	_, _ = io.Copy(conn, rw)
}

func echoes(c *bufio.ReadWriter) bool {
	if _, err := c.WriteString("hello"); err != nil || c.Flush() != nil {
		return false
	}
	var b [5]byte
	_, err := io.ReadFull(c, b[:])
	return err == nil && string(b[:]) == "hello"
}
