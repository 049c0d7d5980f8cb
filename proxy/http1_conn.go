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
	timed bool      // writes have a limit
	limit time.Time // of reads; zero: none
	idle  int64     // the sweeper's round when it became so
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
		c.limit = time.Now().Add(d)
		_ = c.SetReadDeadline(c.limit)
	case !c.limit.IsZero():
		c.limit = time.Time{}
		_ = c.SetReadDeadline(c.limit)
	}
}

// limitWrite sets how long a write, also one that goes on, may take from now on;
// 0 is no limit.
func (c *http1Conn) limitWrite(d time.Duration) {
	switch {
	case d > 0:
		_ = c.SetWriteDeadline(time.Now().Add(d))
	case c.timed:
		_ = c.SetWriteDeadline(time.Time{})
	}
	c.timed = d > 0
}

// limitReadRoughly does as limitRead does, with a limit that may be half of d:
// one that was set before does, if enough is left of it. Setting it anew for
// every exchange would cost more.
func (c *http1Conn) limitReadRoughly(d time.Duration, now time.Time) {
	if left := c.limit.Sub(now); left < d/2 || left > d {
		c.limit = now.Add(d)
		_ = c.SetReadDeadline(c.limit)
	}
}

func newHTTP1Conn(raw net.Conn) *http1Conn {
	c := &http1Conn{Conn: raw}
	c.socket.open(raw)
	return c
}
