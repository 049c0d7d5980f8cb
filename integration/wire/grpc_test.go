package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// h2c are sites whose backends speak HTTP/2 without TLS.
var h2c = declare(kind{name: "h2c", count: 32, scheme: "h2c", transport: map[string]any{"response_header_timeout": "2s"}})

// http2Server makes the backend's end of a connection one of HTTP/2.
func (p *peer) http2Server() *frames {
	p.t.Helper()
	p.expect(http2.ClientPreface)
	f := &frames{peer: p, framer: http2.NewFramer(p, p.r)}
	f.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	f.framer.AllowIllegalWrites = true
	f.block = bytes.Buffer{}
	f.enc = hpack.NewEncoder(&f.block)
	if err := f.framer.WriteSettings(); err != nil {
		p.t.Fatal(err)
	}
	return f
}

// request reads the header of the next request.
func (f *frames) request() *http2.MetaHeadersFrame {
	f.t.Helper()
	for {
		frame, err := f.framer.ReadFrame()
		if err != nil {
			f.t.Fatalf("reading a request: %v", err)
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				if err := f.framer.WriteSettingsAck(); err != nil {
					f.t.Fatal(err)
				}
			}
		case *http2.MetaHeadersFrame:
			return frame
		}
	}
}

// grpc starts a call and returns both ends, when the backend has its header.
func (s *site) grpc(t *testing.T, b *backend) (client, server *frames, stream uint32) {
	t.Helper()
	client = s.http2Frames(t)
	client.headers(1, false, append(s.pseudo("POST", "/pkg.Service/Method"),
		field{"content-type", "application/grpc"}, field{"te", "trailers"}, field{"grpc-timeout", "1S"})...)
	server = b.accept().http2Server()
	head := server.request()
	got := map[string]string{}
	for _, h := range head.Fields {
		got[h.Name] = h.Value
	}
	for name, want := range map[string]string{
		":method": "POST", ":path": "/pkg.Service/Method", ":authority": s.host, "content-type": "application/grpc",
		"te": "trailers", "grpc-timeout": "1S", "x-forwarded-for": "127.0.0.1", "via": "2.0 Caddy",
	} {
		if got[name] != want {
			t.Errorf("the backend got %s %q, want %q", name, got[name], want)
		}
	}
	return client, server, head.StreamID
}

const grpcMessage = "\x00\x00\x00\x00\x05hello"

// TestGRPCBothWays: messages go both ways as they come, and the status is in
// the trailers.
func TestGRPCBothWays(t *testing.T) {
	s := h2c.take(t)
	client, server, stream := s.grpc(t, s.backend(t))
	client.data(1, false, grpcMessage)
	server.expectData(stream, grpcMessage)
	server.headers(stream, false, field{":status", "200"}, field{"content-type", "application/grpc"})
	frame, err := client.next(1)
	if head, ok := frame.(*http2.MetaHeadersFrame); err != nil || !ok || head.PseudoValue("status") != "200" || head.StreamEnded() {
		t.Fatalf("the client got %v, %v", frame, err)
	}
	for range 5 {
		server.data(stream, false, grpcMessage)
		client.expectData(1, grpcMessage)
		client.data(1, false, grpcMessage)
		server.expectData(stream, grpcMessage)
	}
	client.data(1, true, "")
	server.headers(stream, true, field{"grpc-status", "5"}, field{"grpc-message", "not found"})
	a := client.readAnswer(1)
	if want := []string{"grpc-message: not found", "grpc-status: 5"}; !a.complete || !slices.Equal(a.trailers, want) {
		t.Errorf("the client got %s", a)
	}
	s.expectIdle(t)
	s.expectFailures(t, 0)
}

// TestGRPCTrailersOnly: a status without a message.
func TestGRPCTrailersOnly(t *testing.T) {
	s := h2c.take(t)
	client, server, stream := s.grpc(t, s.backend(t))
	client.data(1, true, grpcMessage)
	server.expectData(stream, grpcMessage)
	server.headers(stream, true, field{":status", "200"}, field{"content-type", "application/grpc"}, field{"grpc-status", "12"})
	a := client.readAnswer(1)
	if a.status != 200 || !a.complete || a.body != "" || !slices.Contains(append(a.fields, a.trailers...), "grpc-status: 12") {
		t.Errorf("the client got %s", a)
	}
}

// TestGRPCBackendGivesUp: a stream that the backend resets is not complete for
// the client either.
func TestGRPCBackendGivesUp(t *testing.T) {
	for _, begun := range []bool{false, true} {
		for _, code := range []http2.ErrCode{http2.ErrCodeInternal, http2.ErrCodeCancel} {
			t.Run(fmt.Sprintf("%s, response begun %t", code, begun), func(t *testing.T) {
				t.Parallel()
				s := h2c.take(t)
				client, server, stream := s.grpc(t, s.backend(t))
				if begun {
					server.headers(stream, false, field{":status", "200"}, field{"content-type", "application/grpc"})
					server.data(stream, false, grpcMessage)
				}
				if err := server.framer.WriteRSTStream(stream, code); err != nil {
					t.Fatal(err)
				}
				a := client.readAnswer(1)
				if begun && (a.complete || a.body != grpcMessage) {
					t.Errorf("the response looks complete: %s", a)
				}
				if !begun && a.status != 502 {
					t.Errorf("the client got %s, want 502", a)
				}
				s.expectIdle(t)
			})
		}
	}
}

// TestGRPCClientGivesUp: a stream that the client resets, as it does when its
// deadline is over, is reset for the backend within a second.
func TestGRPCClientGivesUp(t *testing.T) {
	for _, begun := range []bool{false, true} {
		t.Run(fmt.Sprintf("response begun %t", begun), func(t *testing.T) {
			t.Parallel()
			s := h2c.take(t)
			client, server, stream := s.grpc(t, s.backend(t))
			if begun {
				server.headers(stream, false, field{":status", "200"}, field{"content-type", "application/grpc"})
				server.data(stream, false, grpcMessage)
				if _, err := client.next(1); err != nil {
					t.Fatal(err)
				}
			}
			if err := client.framer.WriteRSTStream(1, http2.ErrCodeCancel); err != nil {
				t.Fatal(err)
			}
			for {
				frame, err := server.next(stream)
				if err != nil {
					if !strings.Contains(err.Error(), "stream error") && !errors.Is(err, io.EOF) {
						t.Errorf("the backend saw %v", err)
					}
					break
				}
				if d, ok := frame.(*http2.DataFrame); ok && d.StreamEnded() {
					t.Error("the backend saw a complete request")
					break
				}
			}
			s.expectIdle(t)
			s.expectFailures(t, 0)
		})
	}
}

// TestH2CMalformed: malformed responses of HTTP/2 (RFC 9113 §8.1.1).
func TestH2CMalformed(t *testing.T) {
	ok := field{":status", "200"}
	tests := []struct {
		name string
		send func(f *frames, stream uint32)
		want outcome
	}{
		{"no status", func(f *frames, n uint32) { f.headers(n, true, field{"x-leak", "1"}) }, refused},
		{"status of letters", func(f *frames, n uint32) { f.headers(n, true, field{":status", "abc"}, field{"x-leak", "1"}) }, refused},
		{"two statuses", func(f *frames, n uint32) { f.headers(n, true, ok, ok, field{"x-leak", "1"}) }, refused},
		{"upper case", func(f *frames, n uint32) { f.headers(n, true, ok, field{"X-Leak", "1"}) }, refused},
		{"CRLF in a value", func(f *frames, n uint32) { f.headers(n, true, ok, field{"x-a", "1\r\nx-leak: 1"}) }, refused},
		{"NUL in a value", func(f *frames, n uint32) { f.headers(n, true, ok, field{"x-a", "leak\x00"}) }, refused},
		{"pseudo-header of requests", func(f *frames, n uint32) { f.headers(n, true, ok, field{":path", "/leak"}) }, refused},
		{"status 101", func(f *frames, n uint32) { f.headers(n, true, field{":status", "101"}, field{"x-leak", "1"}) }, refused},
		{"status 101, not the end", func(f *frames, n uint32) {
			f.headers(n, false, field{":status", "101"}, field{"x-leak", "1"})
			f.headers(n, true, ok)
		}, refused},
		{"status below 100", func(f *frames, n uint32) { f.headers(n, true, field{":status", "099"}, field{"x-leak", "1"}) }, refused},
		{"status of two digits", func(f *frames, n uint32) { f.headers(n, true, field{":status", "20"}, field{"x-leak", "1"}) }, refused},
		{"status of four digits", func(f *frames, n uint32) { f.headers(n, true, field{":status", "1000"}, field{"x-leak", "1"}) }, refused},
		{"status with a zero before it", func(f *frames, n uint32) { f.headers(n, true, field{":status", "0200"}, field{"x-leak", "1"}) }, refused},
		{"status with a plus", func(f *frames, n uint32) { f.headers(n, true, field{":status", "+200"}, field{"x-leak", "1"}) }, refused},
		{"status above 599", func(f *frames, n uint32) { f.headers(n, true, field{":status", "600"}, field{"x-leak", "1"}) }, refused},
		{"connection", func(f *frames, n uint32) { f.headers(n, true, ok, field{"connection", "x-leak"}) }, refused},
		{"keep-alive", func(f *frames, n uint32) { f.headers(n, true, ok, field{"keep-alive", "leak"}) }, refused},
		{"proxy-connection", func(f *frames, n uint32) { f.headers(n, true, ok, field{"proxy-connection", "leak"}) }, refused},
		{"transfer-encoding", func(f *frames, n uint32) {
			f.headers(n, false, ok, field{"transfer-encoding", "chunked"})
			f.data(n, true, "4\r\nleak\r\n0\r\n\r\n")
		}, refused},
		{"upgrade", func(f *frames, n uint32) { f.headers(n, true, ok, field{"upgrade", "leak"}) }, refused},
		{"two lengths", func(f *frames, n uint32) {
			f.headers(n, false, ok, field{"content-length", "4"}, field{"content-length", "2"})
			f.data(n, true, "leak")
		}, refused},
		{"length with a plus", func(f *frames, n uint32) {
			f.headers(n, false, ok, field{"content-length", "+4"})
			f.data(n, true, "leak")
		}, refused},
		{"length of letters", func(f *frames, n uint32) {
			f.headers(n, false, ok, field{"content-length", "leak"})
			f.data(n, true, "leak")
		}, refused},
		{"length too large for any integer", func(f *frames, n uint32) {
			f.headers(n, false, ok, field{"content-length", "99999999999999999999"})
			f.data(n, true, "leak")
		}, refused},
		{"a length of nothing", func(f *frames, n uint32) { f.headers(n, true, ok, field{"content-length", "5"}) }, aborted},
		{"data before the header", func(f *frames, n uint32) { f.data(n, true, "leak") }, refused},
		{"less than its length", func(f *frames, n uint32) {
			f.headers(n, false, ok, field{"content-length", "10"})
			f.data(n, true, "hello")
		}, aborted},
		{"hangs up in the body", func(f *frames, n uint32) {
			f.headers(n, false, ok, field{"content-type", "a/b"})
			f.data(n, false, "hello")
			_ = f.Close()
		}, aborted},
		{"hangs up", func(f *frames, _ uint32) { _ = f.Close() }, refused},
		{"no HTTP/2", func(f *frames, _ uint32) { f.send("HTTP/1.1 200 OK\r\nX-Leak: 1\r\n\r\n") }, refused},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := h2c.take(t)
			b := s.backend(t)
			client := s.dial(t)
			client.send(s.fill("POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0\r\n\r\n"))
			server := b.accept().http2Server()
			test.send(server, server.request().StreamID)
			a := client.readAnswer("POST")
			responseCase{want: test.want, body: "hello"}.check(t, a)
			s.expectIdle(t)
		})
	}
}

// TestH2CResponse: a response of HTTP/2 becomes one of HTTP/1.1.
func TestH2CResponse(t *testing.T) {
	s := h2c.take(t)
	b := s.backend(t)
	client := s.dial(t)
	client.send(s.fill("POST / HTTP/1.1\r\nHost: HOST\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nContent-Length: 5\r\n\r\nhello"))
	server := b.accept().http2Server()
	head := server.request()
	for _, h := range head.RegularFields() {
		if h.Name == "connection" || h.Name == "x-hop" || h.Name == "host" {
			t.Errorf("the backend got %s: %s", h.Name, h.Value)
		}
	}
	server.expectData(head.StreamID, "hello")
	server.headers(head.StreamID, false, field{":status", "103"}, field{"link", "</a>"})
	server.headers(head.StreamID, false, field{":status", "201"}, field{"content-type", "a/b"}, field{"trailer", "x-t"}, field{"set-cookie", "a=1"}, field{"set-cookie", "b=2"})
	server.data(head.StreamID, false, "hi")
	server.headers(head.StreamID, true, field{"x-t", "a"})
	a := client.answer("POST")
	a.expectStatus(t, 201)
	a.expectFields(t, "Via: 2.0 Caddy", "Content-Type: a/b", "Set-Cookie: a=1", "Set-Cookie: b=2", "Trailer: X-T", "Connection: close")
	if a.body != "hi" || !slices.Equal(a.trailers, []string{"x-t: a"}) || len(a.informational) != 1 {
		t.Errorf("the client got %s", a)
	}
}
