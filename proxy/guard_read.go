package proxy

import (
	"errors"
	"io"
	"slices"
)

// readBody reads bytes of a body and follows its framing.
func (g *guardConn) readBody(p []byte) (int, error) {
	if phase, _ := g.state(); phase == phaseLength && int64(len(p)) > g.left {
		p = p[:g.left] // the rest is none of this response's
	}
	n, err := g.Conn.Read(p)
	if errors.Is(err, io.EOF) && g.cutShort() {
		err = io.ErrUnexpectedEOF
	}
	if n == 0 {
		return 0, err
	}
	belongs, bad := g.follow(p[:n])
	if bad != nil {
		bad = g.fail(bad)
		if belongs > 0 {
			bad = nil // next time
		}
		return belongs, bad
	}
	return belongs, err
}

// cutShort reports whether a body that ends with the connection has lost its
// end: over TLS, only the end of TLS is one (RFC 9112, section 9.8). crypto/tls
// takes the end of the connection for that as well, but it looks for more bytes
// only when it has not seen the end of TLS.
func (g *guardConn) cutShort() bool {
	phase, _ := g.state()
	return phase == phaseToEOF && g.secure && errors.Is(g.tap.lost(), io.EOF)
}

// follow takes bytes behind a head, and returns how many of them belong to the
// body. Others are an error, which is to be reported once these are delivered.
func (g *guardConn) follow(b []byte) (belongs int, err error) {
	done := false
	switch phase, _ := g.state(); phase {
	case phaseLength:
		belongs = int(min(int64(len(b)), g.left))
		g.left -= int64(belongs)
		done = g.left == 0
	case phaseChunked:
		belongs, done, err = g.chunks.scan(b)
	case phaseIdle:
	default:
		return len(b), nil
	}
	if err == nil && belongs < len(b) {
		err = errUnsolicited
	}
	if done {
		g.setPhase(phaseIdle)
	}
	return belongs, err
}

// readHead reads more of a head and, when it is complete, checks it and makes
// it ready to be read.
func (g *guardConn) readHead() error {
	if cap(g.buf) == 0 || cap(g.buf) > 4*guardBuffer && len(g.buf) == 0 {
		g.buf = make([]byte, 0, guardBuffer)
	}
	if len(g.buf) == cap(g.buf) {
		g.buf = append(g.buf, 0)[:len(g.buf)]
	}
	n, err := g.Conn.Read(g.buf[len(g.buf):cap(g.buf)])
	phase, broken := g.state()
	if broken != nil {
		return broken
	}
	if n > 0 && phase == phaseIdle {
		return g.fail(errUnsolicited)
	}
	g.buf = g.buf[:len(g.buf)+n]
	for n > 0 {
		end, bad := g.headEnd()
		if bad == nil && end > 0 {
			bad = g.acceptHead(end)
		}
		if bad != nil {
			g.reject(bad)
			return nil
		}
		if end == 0 || len(g.buf) == 0 {
			break
		}
	}
	if err != nil && len(g.buf) > 0 && len(g.out) == 0 {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		g.reject(err)
		return nil
	}
	if len(g.out) > 0 {
		return nil // err comes again
	}
	return err
}

// reject ends the exchange with an error. A byte of what came is handed on
// first: to net/http a connection that ends without one was merely stale, and
// it would repeat the request.
func (g *guardConn) reject(err error) {
	if len(g.out) == 0 {
		g.out = append(g.out, g.buf[:1]...)
	}
	g.buf = nil
	_ = g.fail(err)
}

// headEnd returns where the head in buf ends, 0 if it is not complete.
func (g *guardConn) headEnd() (int, error) {
	const proto = "HTTP/1."
	if n := min(len(g.buf), len(proto)); string(g.buf[:n]) != proto[:n] {
		return 0, malformed("begins with %.16q", g.buf)
	}
	for i := g.scanned; i < len(g.buf); i++ {
		if g.heads+i >= g.maxHead {
			return 0, malformed("head is longer than %d bytes", g.maxHead)
		}
		if g.buf[i] != '\n' {
			continue
		}
		if g.buf[i-1] != '\r' {
			return 0, malformed("line ends in a bare LF")
		}
		if i >= 3 && g.buf[i-2] == '\n' {
			return i + 1, nil
		}
	}
	g.scanned = len(g.buf)
	return 0, nil
}

// acceptHead checks the head which is the first end bytes of buf and what
// follows it there, and moves to out what may be read.
func (g *guardConn) acceptHead(end int) error {
	f, err := parseHead(g.buf[:end])
	if err != nil {
		return err
	}
	g.heads += end
	if len(f.connection) > 0 {
		g.mu.Lock()
		g.options = append(slices.Clip(g.options), f.connection...)
		g.mu.Unlock()
	}
	if f.status < 200 && f.status != 101 {
		if g.interim++; g.interim > maxInterim {
			return malformed("more than %d interim responses", maxInterim)
		}
		g.out = append(g.out, g.buf[:end]...)
		g.buf = g.buf[:copy(g.buf, g.buf[end:])]
		g.scanned = 0
		return nil
	}
	if f.status == 101 && !g.upgrade {
		return malformed("status 101 that was not asked for")
	}
	g.enterBody(f)
	belongs, err := g.follow(g.buf[end:])
	g.out = append(g.out, g.buf[:end+belongs]...)
	g.buf, g.scanned = g.buf[:0], 0
	if err != nil {
		_ = g.fail(err) // once out was read
	}
	return nil
}

// enterBody sets the phase that follows a final head: RFC 9112, section 6.3.
func (g *guardConn) enterBody(f framing) {
	switch {
	case f.status == 101:
		g.setPhase(phaseTunnel)
	case g.headOnly, f.status == 204, f.status == 304, f.length == 0:
		g.setPhase(phaseIdle)
	case f.chunked:
		g.chunks.reset()
		g.setPhase(phaseChunked)
	case f.length > 0:
		g.left = f.length
		g.setPhase(phaseLength)
	default:
		g.setPhase(phaseToEOF)
	}
}
