package wire

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// patience is how long anything may take that is expected to happen.
const patience = 6 * time.Second

// peer is a test's end of a connection with Caddy.
type peer struct {
	net.Conn
	t testing.TB
	r *bufio.Reader
}

func newPeer(t testing.TB, conn net.Conn) *peer {
	// a deadline that can be set is never refused on an open connection
	_ = conn.SetDeadline(time.Now().Add(2 * patience))
	t.Cleanup(func() { _ = conn.Close() })
	return &peer{Conn: conn, t: t, r: bufio.NewReader(conn)}
}

// dial opens a client's connection to the site in plain text.
func (s *site) dial(t testing.TB) *peer {
	t.Helper()
	conn, err := net.Dial("tcp", "127.0.0.1:"+s.port)
	if err != nil {
		t.Fatal(err)
	}
	return newPeer(t, conn)
}

// send writes the bytes, which must be accepted.
func (p *peer) send(raw string) {
	p.t.Helper()
	if _, err := io.WriteString(p, raw); err != nil {
		p.t.Fatalf("sending %.40q: %v", raw, err)
	}
}

// sendPieces writes the bytes in packets of n.
func (p *peer) sendPieces(raw string, n int) error {
	for len(raw) > 0 {
		piece := raw[:min(n, len(raw))]
		if _, err := io.WriteString(p, piece); err != nil {
			return err
		}
		raw = raw[len(piece):]
	}
	return nil
}

// readRequest reads a request with its body.
func (p *peer) readRequest() (*message, error) {
	m, err := readHead(p.r)
	if err != nil {
		return m, err
	}
	return m, m.readBody(p.r, false)
}

// request is readRequest for a request that must come.
func (p *peer) request() *message {
	p.t.Helper()
	m, err := p.readRequest()
	if err != nil {
		p.t.Fatalf("reading the request: %v (got %+v)", err, m)
	}
	return m
}

// head reads a message up to the end of its header.
func (p *peer) head() *message {
	p.t.Helper()
	m, err := readHead(p.r)
	if err != nil {
		p.t.Fatalf("reading a head: %v (got %+v)", err, m)
	}
	return m
}

// expect reads exactly the bytes.
func (p *peer) expect(want string) {
	p.t.Helper()
	got := make([]byte, len(want))
	n, err := io.ReadFull(p.r, got)
	if err != nil || string(got) != want {
		p.t.Fatalf("received %q, %v; want %q", got[:n], err, want)
	}
}

// reset closes the connection with an RST.
func (p *peer) reset() {
	conn := p.Conn
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// finish closes the sending side of the connection.
func (p *peer) finish() {
	p.t.Helper()
	half, ok := p.Conn.(interface{ CloseWrite() error })
	if !ok {
		p.t.Fatalf("%T cannot be closed by half", p.Conn)
	}
	if err := half.CloseWrite(); err != nil {
		p.t.Fatal(err)
	}
}

// closedWithin returns nil if the other side closes the connection in time and
// sends nothing before.
func (p *peer) closedWithin(d time.Duration) error {
	_ = p.SetReadDeadline(time.Now().Add(d))
	rest, err := io.ReadAll(p.r)
	_ = p.SetReadDeadline(time.Now().Add(2 * patience))
	switch {
	case len(rest) > 0:
		return fmt.Errorf("%d more bytes came: %.80q", len(rest), rest)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("the connection is still open after %s", d)
	}
	return nil // an RST is as good as a FIN
}

// expectClosed fails the test unless the other side closes the connection
// within the time that a well-behaved proxy needs.
func (p *peer) expectClosed() {
	p.t.Helper()
	if err := p.closedWithin(3 * time.Second); err != nil {
		p.t.Error(err)
	}
}

// drainUntilClosed reads until the other side closes the connection, and
// returns what came.
func (p *peer) drainUntilClosed(d time.Duration) (string, error) {
	_ = p.SetReadDeadline(time.Now().Add(d))
	var rest strings.Builder
	_, err := io.Copy(&rest, p.r)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return rest.String(), fmt.Errorf("the connection is still open after %s", d)
	}
	return rest.String(), nil
}

// readFull reads until the buffer is full.
func readFull(p *peer, buf []byte) (int, error) { return io.ReadFull(p.r, buf) }
