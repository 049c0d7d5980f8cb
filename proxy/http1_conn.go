package proxy

import (
	"net"
	"time"
)

// http1Conn is a connection to a backend.
type http1Conn struct {
	net.Conn
	socket
	used  bool      // had an exchange
	armed bool      // has a read deadline
	idle  time.Time // since when it is
}

// limitRead sets how long reads may take from now on; 0 is no limit.
func (c *http1Conn) limitRead(d time.Duration) {
	switch {
	case d > 0:
		c.armed = true
		_ = c.SetReadDeadline(time.Now().Add(d))
	case c.armed:
		c.armed = false
		_ = c.SetReadDeadline(time.Time{})
	}
}

func newHTTP1Conn(raw net.Conn) *http1Conn {
	c := &http1Conn{Conn: raw}
	c.socket.open(raw)
	return c
}
