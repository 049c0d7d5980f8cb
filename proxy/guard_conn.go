package proxy

import (
	"errors"
	"net"
	"sync"
)

const (
	// guardBuffer is the size of the buffer for response heads.
	guardBuffer = 4 << 10
	// maxInterim is how many 1xx responses one exchange may have.
	maxInterim = 16
)

var (
	// errStale means that a connection has died, or was spoilt, while idle.
	errStale = errors.New("connection to the backend was closed while idle")
	// errUnsolicited means that bytes came which belong to no exchange.
	errUnsolicited = malformed("bytes that belong to no response")
)

// guardConn is an HTTP/1.1 connection to a backend that lets only well-formed
// responses through to net/http's client, which is more lenient, and knows
// where each response ends. Bytes that do not belong to the exchange going on
// close the connection.
type guardConn struct {
	net.Conn      // decrypted
	tap      *tap // below it
	maxHead  int  // bytes of all heads of one exchange
	secure   bool // Conn is TLS
	mu       sync.Mutex
	phase    phase
	err      error    // why the connection is of no use any more
	used     bool     // had an exchange before
	wrote    bool     // bytes of this exchange's request
	options  []string // of Connection, in the heads of this exchange
	headOnly bool     // the response has no body whatever it says
	upgrade  bool     // the response may switch protocols

	// of the reader alone
	buf     []byte // of heads, so far
	scanned int    // how much of buf was searched for its end
	out     []byte // checked
	read    int    // how much of out was read
	heads   int    // bytes of heads in this exchange
	interim int    // 1xx responses in this exchange
	left    int64  // bytes of the body
	chunks  chunkScanner
}

func newGuard(conn net.Conn, t *tap, maxHead int) *guardConn {
	t.rest()
	return &guardConn{Conn: conn, tap: t, maxHead: maxHead, secure: conn != net.Conn(t)}
}

// begin starts an exchange. It reports false if the connection is not fit for
// one; nothing can be written to it then.
func (g *guardConn) begin(headOnly, upgrade bool) bool {
	g.mu.Lock()
	fresh := !g.used
	g.wrote = false
	g.mu.Unlock()
	// a new TLS connection begins with messages of the TLS protocol itself
	fit := g.tap.wake(fresh && g.secure)
	g.mu.Lock()
	if fit && g.phase == phaseIdle {
		g.phase, g.used, g.options = phaseHead, true, nil
		g.headOnly, g.upgrade = headOnly, upgrade
		g.mu.Unlock()
		return true
	}
	g.mu.Unlock()
	_ = g.fail(errStale)
	return false
}

// broken reports whether the connection is of no use any more.
func (g *guardConn) broken() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.phase == phaseBroken
}

// untouched reports whether no byte of this exchange's request was written.
func (g *guardConn) untouched() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return !g.wrote
}

// stale reports whether the connection had died while idle, and nothing of this
// exchange's request was written to it. There is nothing stale about no guard.
func (g *guardConn) stale() bool {
	if g == nil {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return errors.Is(g.err, errStale) && !g.wrote
}

// cause returns what is wrong with the response, if the guard has found
// something. A nil guard has found nothing.
func (g *guardConn) cause() error {
	if g == nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if errors.Is(g.err, errStale) {
		return nil
	}
	return g.err
}

// connectionOptions returns the values of Connection that the exchange's heads
// had so far. A nil guard knows none.
func (g *guardConn) connectionOptions() []string {
	if g == nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.options
}

// fail ends the use of the connection.
func (g *guardConn) fail(err error) error {
	g.mu.Lock()
	if g.err == nil {
		g.err = err
	}
	g.phase = phaseBroken
	err = g.err
	g.mu.Unlock()
	_ = g.tap.Close()
	return err
}

func (g *guardConn) setPhase(p phase) {
	g.mu.Lock()
	if g.phase != phaseBroken {
		g.phase = p
	}
	g.mu.Unlock()
	if p == phaseIdle {
		g.heads, g.interim = 0, 0
		g.tap.rest()
	}
}

func (g *guardConn) state() (phase, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.phase, g.err
}

// Write implements net.Conn.
func (g *guardConn) Write(p []byte) (int, error) {
	g.mu.Lock()
	if g.phase == phaseBroken || (g.phase == phaseIdle && !g.wrote) {
		err := g.err
		g.mu.Unlock()
		if err == nil {
			err = errStale
		}
		return 0, err
	}
	g.wrote = true
	g.mu.Unlock()
	return g.Conn.Write(p)
}

// Read implements net.Conn.
func (g *guardConn) Read(p []byte) (int, error) {
	for len(g.out) == 0 {
		switch phase, err := g.state(); phase {
		case phaseBroken:
			return 0, err
		case phaseTunnel:
			return g.Conn.Read(p)
		case phaseLength, phaseChunked, phaseToEOF:
			return g.readBody(p)
		}
		if err := g.readHead(); err != nil {
			return 0, err
		}
	}
	n := copy(p, g.out[g.read:])
	if g.read += n; g.read == len(g.out) {
		g.out, g.read = g.out[:0], 0
		if cap(g.out) > 4*guardBuffer {
			g.out = nil
		}
	}
	return n, nil
}

// CloseWrite ends the stream to the backend and leaves that from it open.
func (g *guardConn) CloseWrite() error { return closeWrite(g.Conn) }

var _ net.Conn = (*guardConn)(nil)
