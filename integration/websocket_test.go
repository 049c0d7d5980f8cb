package integration

import (
	"net/http"
	"strconv"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/websocket"
)

// TestExampleWebSocket opens WebSockets through the load balancer. They go to
// different backends, and the end of one is nothing to the other.
func TestExampleWebSocket(t *testing.T) {
	r := make(relocation)
	for _, port := range []int{9001, 9002} {
		startBackend(t, r.port(t, port), echoServer(strconv.Itoa(port)))
	}
	p := startCaddyAt(t, r.addr(t, 2019), r.text(t, readFile(t, "examples/websocket/Caddyfile")), "caddyfile")

	open := func() *websocket.Conn {
		t.Helper()
		return openWebSocket(t, r.addr(t, 8080))
	}
	first, second := open(), open()
	if first.Backend == second.Backend {
		t.Errorf("both WebSockets are at backend %s", first.Backend)
	}
	for _, ws := range []*websocket.Conn{first, second, first} {
		echo(t, ws, "hello")
		echo(t, ws, "")
	}
	port, err := strconv.Atoi(first.Backend)
	if err != nil {
		t.Fatal(err)
	}
	p.api(t, http.MethodDelete, "/load_balance/backends?id="+r.addr(t, port), "", http.StatusNoContent)
	echo(t, first, "still there for a minute, as the example says")
	echo(t, second, "still there")
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	echo(t, second, "and without the other")
	if third := open(); third.Backend != second.Backend {
		t.Errorf("a new WebSocket is at backend %s, which was removed", third.Backend)
	}
}

// echoServer accepts WebSockets, and sends each message back.
func echoServer(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !websocket.Asked(r) {
			http.Error(w, "not a WebSocket", http.StatusUpgradeRequired)
			return
		}
		websocket.Serve(w, r, name)
	})
}

// openWebSocket opens one, which is closed when the test ends.
func openWebSocket(t *testing.T, addr string) *websocket.Conn {
	t.Helper()
	ws, err := websocket.Open(addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ws.Close() })
	return ws
}

// echo sends a message, and wants it back.
func echo(t *testing.T, ws *websocket.Conn, message string) {
	t.Helper()
	if err := ws.Echo(message); err != nil {
		t.Fatal(err)
	}
}
