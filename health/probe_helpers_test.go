package health

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// trial is one probe of a real socket.
type trial struct {
	address   string
	settings  config.ActiveHealth
	connector pool.Connector
}

// run probes and returns what was seen or why it failed, in words.
func (tr trial) run(t *testing.T) (text string, passed bool) {
	t.Helper()
	addr, err := config.ParseAddress(tr.address)
	if err != nil {
		t.Fatal(err)
	}
	settings := tr.settings.WithDefaults()
	timeout := time.Duration(settings.Timeout)
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	start := time.Now()
	seen, err := newProber(addr, &settings, tr.connector).probe(ctx)
	if took := time.Since(start); took > timeout+2*time.Second {
		t.Errorf("took %s with a timeout of %s", took, timeout)
	}
	if err != nil {
		t.Logf("error: %v", err)
		return describe(err, timeout), false
	}
	return seen, true
}

func (tr trial) expect(t *testing.T, want string, pass bool) {
	t.Helper()
	if got, passed := tr.run(t); got != want || passed != pass {
		t.Errorf("got %q, passed %t; want %q, %t", got, passed, want, pass)
	}
}

// httpTrial is a probe of the path on a server with the handler.
func httpTrial(t *testing.T, uri string, handler http.HandlerFunc) trial {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return trial{address: server.Listener.Addr().String(), settings: config.ActiveHealth{URI: uri}}
}

// rawServer accepts connections and hands them to serve, one at a time. It
// closes each behind that.
func rawServer(t *testing.T, network string, serve func(net.Conn)) net.Listener {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = t.TempDir() + "/s"
	}
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serve(conn)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l
}

// readHead reads up to an empty line, for five seconds at most.
func readHead(conn net.Conn) {
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	r := bufio.NewReader(conn)
	for {
		line, err := r.ReadString('\n')
		if err != nil || line == "\r\n" {
			break
		}
	}
	_ = conn.SetReadDeadline(time.Time{})
}

// untilGone waits until the peer has closed the connection.
func untilGone(conn net.Conn) {
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	_, _ = io.Copy(io.Discard, conn)
}

func within(s config.ActiveHealth, timeout time.Duration) config.ActiveHealth {
	s.Timeout = caddy.Duration(timeout)
	return s
}
