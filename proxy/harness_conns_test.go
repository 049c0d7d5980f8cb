package proxy

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// connections counts those of a server whose goroutines still run. The server's
// Close does not wait for them, and one can go on for half a second: behind an
// answer to a request whose body was not read, net/http waits that long between
// its FIN and its close, so that the client gets to read the answer.
type connections struct{ sync.WaitGroup }

// track is an http.Server's ConnState. Every connection is new before Serve
// returns, and is closed or hijacked in the end.
func (c *connections) track(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		c.Add(1)
	case http.StateClosed, http.StateHijacked:
		c.Done()
	default:
	}
}

func TestHarnessEndsItsConnections(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	t.Run("after an unread body", func(t *testing.T) {
		h := &harness{t: t, release: func() {}}
		addr := h.serveHandler(nil, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		}), nil)
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		// More than what the server reads when its handler did not.
		if _, err := fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", 1<<20); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(conn); err != nil {
			t.Fatal(err)
		}
	})
}
