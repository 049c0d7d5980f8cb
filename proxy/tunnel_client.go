package proxy

import (
	"bufio"
	"io"
	"net/http"
	"time"
)

// hijackedConn is a client's connection, of which some may have been read.
type hijackedConn struct {
	io.ReadWriteCloser
	ahead *bufio.Reader
}

// Read implements io.Reader.
func (c *hijackedConn) Read(p []byte) (int, error) {
	if c.ahead != nil {
		if n := c.ahead.Buffered(); n > 0 {
			return c.ahead.Read(p[:min(n, len(p))])
		}
		c.ahead = nil
	}
	return c.ReadWriteCloser.Read(p)
}

// CloseWrite ends the stream to the client and leaves that from it open.
func (c *hijackedConn) CloseWrite() error { return closeWrite(c.ReadWriteCloser) }

// streamConn is a stream of HTTP/2 or HTTP/3 as a client's connection. Its
// end ends both directions.
type streamConn struct {
	body io.ReadCloser
	w    io.Writer
	rc   *http.ResponseController
}

// Read implements io.Reader.
func (s *streamConn) Read(p []byte) (int, error) { return s.body.Read(p) }

// Write implements io.Writer.
func (s *streamConn) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	if err != nil {
		return n, err
	}
	return n, s.rc.Flush()
}

// Close implements io.Closer.
func (s *streamConn) Close() error { return s.body.Close() }

// interrupt ends a write that waits for the client to read.
func (s *streamConn) interrupt() { _ = s.rc.SetWriteDeadline(time.Unix(1, 0)) }
