package health

import (
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// closedPort returns a port that nobody listens on.
func closedPort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func TestTCP(t *testing.T) {
	l := rawServer(t, "tcp", untilGone)
	open := l.Addr().String()
	_, openPort, _ := net.SplitHostPort(open)
	port, _ := strconv.Atoi(openPort)
	socket := "unix/" + rawServer(t, "unix", untilGone).Addr().String()
	closed := "127.0.0.1:" + strconv.Itoa(closedPort(t))

	tests := map[string]struct {
		trial
		want string // prefix
		pass bool
	}{
		"open":                 {trial{address: open}, "connected in ", true},
		"open, with TLS":       {trial{address: "https://" + open}, "connected in ", true},
		"closed":               {trial{address: closed}, "connection refused", false},
		"unix socket":          {trial{address: socket}, "connected in ", true},
		"no unix socket":       {trial{address: "unix//nonexistent/s"}, "no such socket", false},
		"another port":         {trial{address: closed, settings: config.ActiveHealth{Port: port}}, "connected in ", true},
		"another address":      {trial{address: closed, settings: config.ActiveHealth{Upstream: open}}, "connected in ", true},
		"a port, not a socket": {trial{address: "unix//nonexistent/s", settings: config.ActiveHealth{Port: port}}, "connected in ", true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, passed := test.run(t)
			if !strings.HasPrefix(got, test.want) || passed != test.pass {
				t.Errorf("got %q, passed %t; want %q, %t", got, passed, test.want, test.pass)
			}
		})
	}
}

// TestTCPCloses proves that a probe leaves no connection behind.
func TestTCPCloses(t *testing.T) {
	gone := make(chan struct{})
	l := rawServer(t, "tcp", func(conn net.Conn) {
		untilGone(conn)
		close(gone)
	})
	trial{address: l.Addr().String()}.run(t)
	select {
	case <-gone:
	case <-time.After(5 * time.Second):
		t.Error("the connection is still open")
	}
}

func TestTCPTimeout(t *testing.T) {
	address := blackhole(t)
	trial{address: address, settings: within(config.ActiveHealth{}, 200*time.Millisecond)}.
		expect(t, "timeout after 200ms", false)
}
