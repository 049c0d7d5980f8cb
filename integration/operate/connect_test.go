package operate

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

// stream is a WebSocket over HTTP/2 (RFC 8441), as far as tests need it.
type stream struct {
	t    *testing.T
	conn net.Conn
	fr   *http2.Framer
}

// connect opens a WebSocket over HTTP/2 to the backend.
func (s *site) connect(backend string) *stream {
	s.t.Helper()
	for range 100 {
		c, at := s.connectAny()
		if at == backend {
			return c
		}
		_ = c.conn.Close()
	}
	s.t.Fatalf("no WebSocket over HTTP/2 has come to %s", backend)
	return nil
}

func (s *site) connectAny() (c *stream, backend string) {
	s.t.Helper()
	conn, err := net.DialTimeout("tcp", s.front, process.Patience)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(2 * process.Patience))
	c = &stream{t: s.t, conn: conn, fr: http2.NewFramer(conn, conn)}
	c.fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	var block strings.Builder
	enc := hpack.NewEncoder(&block)
	for _, f := range [][2]string{
		{":method", "CONNECT"},
		{":protocol", "websocket"},
		{":scheme", "http"},
		{":path", "/chat"},
		{":authority", s.front},
		{"sec-websocket-version", "13"},
	} {
		_ = enc.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
	}
	_, _ = io.WriteString(conn, http2.ClientPreface)
	_ = c.fr.WriteSettings()
	_ = c.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte(block.String()), EndHeaders: true})
	head, ok := c.next().(*http2.MetaHeadersFrame)
	if !ok || head.PseudoValue("status") != "200" {
		s.t.Fatalf("response %v", head)
	}
	for _, f := range head.RegularFields() {
		if f.Name == "backend" {
			backend = f.Value
		}
	}
	return c, backend
}

// next returns the next frame of the stream.
func (c *stream) next() http2.Frame {
	c.t.Helper()
	for {
		f, err := c.fr.ReadFrame()
		if err != nil {
			c.t.Fatalf("WebSocket over HTTP/2: %v", err)
		}
		switch f := f.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				_ = c.fr.WriteSettingsAck()
			}
		case *http2.MetaHeadersFrame, *http2.DataFrame, *http2.RSTStreamFrame:
			return f
		}
	}
}

// echo sends a message of up to 125 bytes, and wants it back.
func (c *stream) echo(message string) {
	c.t.Helper()
	_ = c.fr.WriteData(1, false, append([]byte{0x81, 0x80 | byte(len(message)), 0, 0, 0, 0}, message...))
	c.wants("\x81" + string(rune(len(message))) + message)
}

func (c *stream) goneAway() {
	c.t.Helper()
	c.wants("\x88\x02\x03\xe9")
}

func (c *stream) wants(bytes string) {
	c.t.Helper()
	var got []byte
	for len(got) < len(bytes) {
		data, ok := c.next().(*http2.DataFrame)
		if !ok || data.StreamEnded() && len(data.Data()) == 0 {
			c.t.Fatalf("WebSocket over HTTP/2: it has ended after %q, not %q", got, bytes)
		}
		got = append(got, data.Data()...)
	}
	if string(got) != bytes {
		c.t.Errorf("WebSocket over HTTP/2: got %q, want %q", got, bytes)
	}
}
