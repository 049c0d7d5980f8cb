package proxy

import (
	"errors"
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

var errHungUp = errors.New("backend has closed the connection at once")

// greeting returns what it means for the exchange that is about to begin if
// something is to be seen on the connection: on one that was used before, that
// it was spoilt while idle.
func (c *http1Conn) greeting(seen look) error {
	switch {
	case seen == lookQuiet:
		return nil
	case c.used:
		return errStale
	case seen == lookData:
		return errUnsolicited
	}
	return &connectError{errHungUp}
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
