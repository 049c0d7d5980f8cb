package wire

import (
	"crypto/tls"
	"fmt"
	"strings"
	"testing"
	"time"
)

var (
	secure = declare(kind{name: "secure", count: 24, scheme: "https", transport: map[string]any{"dial_timeout": "2s"}})
	unix   = declare(kind{name: "unix", count: 24, scheme: "unix"})

	// hasty are sites that give TLS little time.
	hasty = declare(kind{name: "hasty", count: 2, scheme: "https", transport: map[string]any{
		"tls": map[string]any{"insecure_skip_verify": true, "handshake_timeout": "500ms"},
	}})

	// misnamed are sites that expect another certificate.
	misnamed = declare(kind{name: "misnamed", count: 2, scheme: "https", transport: map[string]any{
		"tls": map[string]any{"server_name": "other.example"},
	}})
)

// schemeCases are replies that are judged alike whatever carries them.
var schemeCases = []responseCase{
	{name: "length", reply: headOK + "Content-Length: 2\r\n\r\nhi", fields: []string{"Content-Type: a/b", "Content-Length: 2"}, body: "hi", conn: kept},
	{name: "chunked", reply: headOK + chunked + "\r\n2\r\nhi\r\n0\r\n\r\n", fields: plainFields, body: "hi", conn: kept},
	{name: "trailers", reply: headOK + chunked + "Trailer: X-T\r\n\r\n2\r\nhi\r\n0\r\nX-T: a\r\n\r\n", fields: append([]string{"Trailer: X-T"}, plainFields...), trailers: []string{"X-T: a"}, body: "hi", conn: kept},
	{name: "until close", reply: headOK + "\r\nhi", end: finishes, fields: plainFields, body: "hi"},
	{name: "HEAD", method: "HEAD", reply: headOK + "Content-Length: 7\r\n\r\n", fields: []string{"Content-Type: a/b", "Content-Length: 7"}, conn: kept},
	{name: "close", reply: headOK + "Connection: close\r\nContent-Length: 2\r\n\r\nhi", fields: []string{"Content-Type: a/b", "Content-Length: 2"}, body: "hi", conn: closed},
	{name: "more than its length", reply: headOK + "Content-Length: 2\r\n\r\nhileak", fields: []string{"Content-Type: a/b", "Content-Length: 2"}, body: "hi", conn: closed},
	{name: "less than its length", reply: headOK + "Content-Length: 10\r\n\r\nhello", end: finishes, want: aborted, body: "hello"},
	{name: "reset in the body", reply: headOK + chunked + "\r\n5\r\nhello\r\n", end: resets, want: aborted, body: "hello"},
	{name: "bad chunks", reply: headOK + chunked + "\r\n5\r\nhello\r\nzz\r\n", want: aborted, conn: closed, body: "hello"},
	{name: "two framings", reply: "HTTP/1.1 200 OK\r\nX-Leak: 1\r\nContent-Length: 4\r\n" + chunked + "\r\n4\r\nleak\r\n0\r\n\r\n", want: refused, conn: closed},
	{name: "malformed", reply: "HTTP/1.1 200 OK\r\nX Leak: 1\r\nContent-Length: 4\r\n\r\nleak", want: refused, conn: closed},
	{name: "unasked switch", reply: "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nleak", want: refused, conn: closed},
	{name: "nothing", end: finishes, want: refused},
	{name: "no HTTP", reply: "leak\r\n\r\n", want: refused, conn: closed},
}

func TestSchemes(t *testing.T) {
	for _, k := range []*kind{secure, unix} {
		for _, c := range schemeCases {
			t.Run(k.name+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				c.run(t, k, overHTTP1)
			})
		}
	}
}

// TestHTTP3Responses: what holds for clients of HTTP/1.1 and 2 holds for those
// of HTTP/3.
func TestHTTP3Responses(t *testing.T) {
	for _, c := range schemeCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, plain, overHTTP3)
		})
	}
}

// TestSchemeHost: backends over TLS are asked for by their own name, since
// they choose by it; the client's Host is in X-Forwarded-Host. All others get
// the client's.
func TestSchemeHost(t *testing.T) {
	for _, k := range []*kind{plain, secure, unix} {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			s := k.take(t)
			m, a := s.exchange(t, "POST /x HTTP/1.1\r\nHost: HOST\r\nContent-Length: 2\r\n\r\nhi", "POST")
			a.expectStatus(t, 200)
			want := []string{"Content-Length: 2"}
			if k == secure {
				want = append(want, "Host: "+s.address(0))
			}
			m.expectFields(t, s.baseFields(), want)
		})
	}
}

// TestSchemeForwardedProto: the client's scheme is told, not the backend's.
func TestSchemeForwardedProto(t *testing.T) {
	for name, client := range map[string]client{"h2": overHTTP2, "h3": overHTTP3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := plain.take(t)
			got := s.backend(t).replying(reply200)
			client(t, s, "GET", "/").expectStatus(t, 200)
			via := map[string]string{"h2": "Via: 2.0 Caddy", "h3": "Via: 3.0 Caddy"}[name]
			got.next(t).expectFields(t, s.baseFields(), []string{"X-Forwarded-Proto: https", via})
		})
	}
}

// TestSchemeTruncation: over TLS the end of the connection without the end of
// TLS may be an attacker's, so a body that ends with it is not complete
// (RFC 9112 §9.8).
func TestSchemeTruncation(t *testing.T) {
	s := secure.take(t)
	s.backend(t).serve(func(p *peer, _ *message) bool {
		_ = p.sendPieces(headOK+"\r\nhello", 1000)
		time.Sleep(settle / 3) // so that it does not look like a reset
		if conn, ok := p.Conn.(*tls.Conn); ok {
			_ = conn.NetConn().Close()
		}
		return false
	})
	if a := overHTTP1(t, s, "GET", "/"); a.complete {
		t.Errorf("the response looks complete: %s", a)
	}
}

// TestSchemeTLSFails: a backend that cannot be trusted gets no request.
func TestSchemeTLSFails(t *testing.T) {
	t.Run("speaks no TLS", func(t *testing.T) {
		t.Parallel()
		s := secure.take(t)
		b := s.backend(t)
		b.plain.Store(true)
		client := s.dial(t)
		client.send(s.fill("GET / HTTP/1.1\r\nHost: HOST\r\n\r\n"))
		b.accept().send("HTTP/1.1 400 Bad Request\r\nX-Leak: 1\r\nContent-Length: 4\r\n\r\nleak")
		a := client.answer("GET")
		a.expectStatus(t, 502)
		if leak := leaked(a); leak != "" {
			t.Errorf("the client got %s", leak)
		}
	})
	t.Run("has another certificate", func(t *testing.T) {
		t.Parallel()
		s := misnamed.take(t)
		got := s.backend(t).replying(reply200)
		overHTTP1(t, s, "GET", "/").expectStatus(t, 502)
		if len(got.requests) > 0 {
			t.Errorf("the backend got %q", got.next(t).start)
		}
	})
	t.Run("says nothing", func(t *testing.T) {
		t.Parallel()
		s := hasty.take(t)
		s.backend(t).plain.Store(true)
		start := time.Now()
		overHTTP1(t, s, "GET", "/").expectStatus(t, 504)
		if took := time.Since(start); took < 400*time.Millisecond || took > 3*time.Second {
			t.Errorf("it took %s, want about 500ms", took)
		}
	})
	t.Run("hangs up", func(t *testing.T) {
		t.Parallel()
		s := secure.take(t)
		b := s.backend(t)
		b.plain.Store(true)
		client := s.dial(t)
		client.send(s.fill("GET / HTTP/1.1\r\nHost: HOST\r\n\r\n"))
		_ = b.accept().Close()
		client.answer("GET").expectStatus(t, 502)
	})
}

// TestHTTP3Upload: bodies with and without a length arrive over HTTP/3.
func TestHTTP3Upload(t *testing.T) {
	body := strings.Repeat("0123456789", 50_000)
	for _, length := range []int64{-1, int64(len(body))} {
		t.Run(fmt.Sprint(length), func(t *testing.T) {
			t.Parallel()
			s := plain.take(t)
			got := s.backend(t).replying(reply200)
			transport := s.http3()
			t.Cleanup(func() { _ = transport.Close() })
			r := s.newRequest(t, "POST", "/", strings.NewReader(body))
			r.ContentLength = length
			roundTrip(t, transport, r).expectStatus(t, 200)
			if m := got.next(t); m.body != body || m.chunked != (length < 0) {
				t.Errorf("the backend got %d bytes, chunked %t", len(m.body), m.chunked)
			}
		})
	}
}
