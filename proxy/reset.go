package proxy

import (
	"net"
	"net/http"
)

// resetClient ends the connection of an HTTP/1 client with an RST. To a client
// of HTTP/1.0 any other end of the connection is the end of the response, if
// that has no length.
func resetClient(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return // the server closes it
	}
	reset(conn)
}

// reset closes a connection such that TCP discards it, and TLS, if it is
// spoken, does not say that it ends.
func reset(conn net.Conn) {
	var inner any = conn
	for inner != nil {
		switch c := inner.(type) {
		case interface{ SetLinger(sec int) error }:
			_ = c.SetLinger(0)
			if c, ok := c.(net.Conn); ok {
				_ = c.Close()
			}
			inner = nil
		case interface{ NetConn() net.Conn }:
			inner = c.NetConn()
		default:
			inner = wrapped(c)
		}
	}
	_ = conn.Close()
}
