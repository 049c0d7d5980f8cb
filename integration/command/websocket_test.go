package command

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

// echo answers upgrade requests, and sends back what comes then. Anything else
// gets the answer.
func echo(answer string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			_, _ = io.WriteString(w, answer)
			return
		}
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Answer: %s\r\n\r\n", answer)
		_, _ = io.Copy(conn, buffered)
	}
}

// tunnel is an upgraded connection through the load balancer.
type tunnel struct {
	conn   net.Conn
	r      *bufio.Reader
	answer string // of the backend
}

func (s *server) tunnel() *tunnel {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.front)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(3 * process.Patience))
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", s.front)
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		s.t.Fatalf("status %d for a WebSocket", resp.StatusCode)
	}
	return &tunnel{conn, r, resp.Header.Get("X-Answer")}
}

// alive reports whether a byte that is sent comes back.
func (c *tunnel) alive() bool {
	if _, err := c.conn.Write([]byte{'x'}); err != nil {
		return false
	}
	b, err := c.r.ReadByte()
	return err == nil && b == 'x'
}
