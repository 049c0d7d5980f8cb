package integration

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestClientLimits has a client pause in the middle of its request's body. The
// limits are the server's, or the handler's in their place; those of the server
// for whole transfers hold in any case.
func TestClientLimits(t *testing.T) {
	const pause = 700 * time.Millisecond
	port := freePort(t)
	startBackend(t, port, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			_, _ = w.Write(body)
		}
	}))
	for _, c := range []struct {
		name, server, handler string
		status                int
	}{
		{"defaults", "", "", 200},
		{"server", "read_body_idle 100ms", "", 408},
		{"handler, longer", "read_body_idle 100ms", "client_body_timeout 30s", 200},
		{"handler, none", "read_body_idle 100ms", "client_body_timeout off", 200},
		{"handler, shorter", "read_body_idle 30s", "client_body_timeout 100ms", 408},
		{"handler alone", "read_body_idle -1s", "client_body_timeout 100ms", 408},
		{"none at all", "read_body_idle -1s", "", 200},
		{"handler, with a rate", "", "client_body_timeout 100ms 1", 408},
		{"whole transfer", "read_body 300ms", "client_body_timeout off", 408},
	} {
		t.Run(c.name, func(t *testing.T) {
			front := freeAddr(t)
			p := startCaddy(t, fmt.Sprintf(`
{
	servers {
		timeouts {
			%s
		}
	}
}
http://%s {
	load_balance 127.0.0.1:%d {
		pool web
		%s
	}
}`, c.server, front, port, c.handler), "caddyfile")
			conn, err := net.Dial("tcp", front)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: "+front+"\r\nContent-Length: 4\r\n\r\nab")
			_ = conn.SetReadDeadline(time.Now().Add(pause))
			in := bufio.NewReader(conn)
			if _, err := in.Peek(1); err != nil {
				_, _ = io.WriteString(conn, "cd")
			}
			_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
			resp, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != c.status || c.status == 200 && string(body) != "abcd" {
				t.Errorf("status %d, body %q, %v; want status %d", resp.StatusCode, body, err, c.status)
			}
			status := p.api(t, http.MethodGet, "/load_balance/pools/web", "", http.StatusOK)
			if !strings.Contains(status, `"failures":0`) || !strings.Contains(status, `"in_flight":0`) {
				t.Errorf("the backend is to blame, or has something to do: %s", status)
			}
		})
	}
}
