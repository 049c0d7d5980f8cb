package proxy

import (
	"io"
	"time"
)

// switchOver takes the connection out of the exchange, to become one side of a
// tunnel, with what has come behind the head.
func (h *http1Exchange) switchOver() io.ReadWriteCloser {
	h.unwatchClient()
	h.conn.limitRead(0)
	h.conn.limitWrite(0)
	t := &http1Tunnel{http1Conn: h.conn, ahead: append([]byte(nil), h.buf[h.r:h.w]...), dialer: h.t.dialer}
	h.conn = nil
	h.release()
	return t
}

// http1Tunnel is a connection to a backend that has switched protocols.
type http1Tunnel struct {
	*http1Conn
	ahead  []byte
	dialer *dialer
}

// Read implements io.Reader.
func (t *http1Tunnel) Read(p []byte) (int, error) {
	if len(t.ahead) > 0 {
		n := copy(p, t.ahead)
		t.ahead = t.ahead[n:]
		return n, nil
	}
	if d := t.dialer.readTimeout; d > 0 {
		_ = t.SetReadDeadline(time.Now().Add(d))
	}
	return t.http1Conn.Read(p)
}

// Write implements io.Writer.
func (t *http1Tunnel) Write(p []byte) (int, error) {
	if d := t.dialer.readTimeout; d > 0 {
		// nobody answers before having been asked
		_ = t.SetReadDeadline(time.Now().Add(d))
	}
	return t.dialer.write(t.http1Conn, p)
}

// CloseWrite ends the stream to the backend and leaves that from it open.
func (t *http1Tunnel) CloseWrite() error { return closeWrite(t.Conn) }
