package wire

import (
	"slices"
	"strings"
	"testing"
)

// plain are sites with default settings.
var plain = declare(kind{name: "plain", count: 64})

// TestRequestHopByHop covers what of a request's header must not go further
// than to the proxy (RFC 9110 §7.6.1).
func TestRequestHopByHop(t *testing.T) {
	tests := []struct {
		name string
		sent []string // header lines of the client
		want []string // those of them that the backend receives
	}{
		{"nothing special", []string{"X-A: 1"}, []string{"X-A: 1"}},
		{"close", []string{"Connection: close", "X-A: 1"}, []string{"X-A: 1"}},
		{"keep-alive", []string{"Connection: keep-alive", "Keep-Alive: timeout=5, max=1"}, nil},
		{"Keep-Alive alone", []string{"Keep-Alive: timeout=5"}, nil},
		{"a name", []string{"Connection: X-Foo", "X-Foo: 1", "X-Bar: 2"}, []string{"X-Bar: 2"}},
		{"close and a name", []string{"Connection: close, X-Foo", "X-Foo: 1", "X-Bar: 2"}, []string{"X-Bar: 2"}},
		{"a name and close", []string{"Connection: X-Foo, close", "X-Foo: 1"}, nil},
		{"keep-alive and a name", []string{"Connection: keep-alive, X-Foo", "X-Foo: 1"}, nil},
		{"names in odd case", []string{"cOnNeCtIoN: x-fOO", "X-Foo: 1"}, nil},
		{"several lines", []string{"Connection: X-A", "X-A: 1", "Connection: X-B", "X-B: 2", "X-C: 3"}, []string{"X-C: 3"}},
		{"close in the first of two lines", []string{"Connection: close", "Connection: X-B", "X-B: 2"}, nil},
		{"close in the second of two lines", []string{"Connection: X-B", "Connection: close", "X-B: 2"}, nil},
		{"every line of a named field", []string{"X-A: 1", "Connection: X-A", "X-A: 2"}, nil},
		{"empty elements", []string{"Connection: , ,X-A,\t,", "X-A: 1"}, nil},
		{"no space after the comma", []string{"Connection: close,X-A,X-B", "X-A: 1", "X-B: 1"}, nil},
		{"tabs around a name", []string{"Connection: close,\tX-A\t", "X-A: 1"}, nil},
		{"an empty Connection", []string{"Connection:", "X-A: 1"}, []string{"X-A: 1"}},
		{"a name that is no token", []string{"Connection: X A", "X-A: 1"}, []string{"X-A: 1"}},
		{"a name that is not there", []string{"Connection: X-None", "X-A: 1"}, []string{"X-A: 1"}},
		{"itself", []string{"Connection: Connection", "X-A: 1"}, []string{"X-A: 1"}},
		{"credentials", []string{"Connection: Authorization", "Authorization: Basic eDp5"}, nil},
		{"cookies", []string{"Connection: Cookie", "Cookie: a=b"}, nil},
		{"a cache directive", []string{"Connection: Cache-Control", "Cache-Control: no-cache"}, nil},
		{"the user agent, and none is made up", []string{"Connection: User-Agent", "User-Agent: x"}, nil},
		{"accepted encodings, and none are made up", []string{"Connection: Accept-Encoding", "Accept-Encoding: br"}, nil},
		{"the host stays", []string{"Connection: Host"}, nil},
		{"the forwarded address stays", []string{"Connection: close, X-Forwarded-For", "X-Forwarded-For: 6.6.6.6"}, nil},
		{"the forwarded host stays", []string{"Connection: X-Forwarded-Host, keep-alive"}, nil},
		{"the forwarded scheme stays", []string{"Connection: x-forwarded-proto"}, nil},
		{"our Via stays", []string{"Connection: Via"}, nil},
		{"Proxy-Connection", []string{"Proxy-Connection: keep-alive"}, nil},
		{"Proxy-Authorization", []string{"Proxy-Authorization: Basic eDp5"}, nil},
		{"Proxy-Authenticate", []string{"Proxy-Authenticate: Basic"}, nil},
		{"Trailer without a body", []string{"Trailer: X-T"}, nil},
		{"Upgrade without Connection", []string{"Upgrade: websocket"}, nil},
		{"Connection: upgrade without Upgrade", []string{"Connection: upgrade"}, nil},
		{"TE of a transfer coding", []string{"TE: gzip", "Connection: TE"}, nil},
		{"TE that is not trailers", []string{"TE: xtrailers"}, nil},
		{"h2c", []string{"Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"}, nil},
		{"h2c in odd case", []string{"Connection: uPgRaDe", "Upgrade: H2C"}, nil},
		{"h2c with close", []string{"Connection: close, Upgrade", "Upgrade: h2c"}, nil},
		{"upgrade to another version of HTTP", []string{"Connection: Upgrade", "Upgrade: HTTP/2.0"}, nil},
		{"upgrade to TLS", []string{"Connection: Upgrade", "Upgrade: TLS/1.2"}, nil},
		{"an unknown upgrade", []string{"Connection: Upgrade", "Upgrade: x-tunnel"}, nil},
		{"an empty upgrade", []string{"Connection: Upgrade", "Upgrade:"}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := plain.take(t)
			m, a := s.exchange(t, "GET / HTTP/1.1\r\nHost: HOST\r\n"+strings.Join(test.sent, "\r\n")+"\r\n\r\n", "GET")
			m.expectFields(t, s.baseFields(), test.want)
			a.expectStatus(t, 200)
		})
	}
}

// TestRequestTE: a client that accepts trailers may say so to the backend, and
// TE is named by Connection wherever it is sent (RFC 9110 §10.1.4).
func TestRequestTE(t *testing.T) {
	for _, sent := range []string{
		"TE: trailers",
		"TE: trailers\r\nConnection: TE",
		"TE: Trailers\r\nConnection: te, close",
		"TE: deflate;q=0.5, trailers\r\nConnection: TE",
		"TE: gzip\r\nTE: trailers",
	} {
		t.Run(sent, func(t *testing.T) {
			t.Parallel()
			m, _ := plain.take(t).exchange(t, "GET / HTTP/1.1\r\nHost: HOST\r\n"+sent+"\r\n\r\n", "GET")
			if got := m.values("TE"); !slices.Equal(got, []string{"trailers"}) {
				t.Errorf("the backend got TE %q, want trailers alone", got)
			}
			for _, v := range m.values("Connection") {
				if !strings.EqualFold(v, "TE") {
					t.Errorf("the backend got Connection %q", v)
				}
			}
		})
	}
}

// TestRequestHopByHopWithBody: Connection cannot name the framing away
// (RFC 9112 §6.3): the body arrives whole and framed.
func TestRequestHopByHopWithBody(t *testing.T) {
	for _, head := range []string{
		"Connection: Content-Length\r\nContent-Length: 5\r\n\r\nhello",
		"Connection: close, Content-Length\r\nContent-Length: 5\r\n\r\nhello",
		"Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		"Connection: Content-Length, Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	} {
		name, _, _ := strings.Cut(head, "\r\n")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, a := plain.take(t).exchange(t, "POST / HTTP/1.1\r\nHost: HOST\r\n"+head, "POST")
			if m.body != "hello" || !m.complete {
				t.Errorf("the backend got the body %q", m.body)
			}
			if len(m.values("Connection")) > 0 {
				t.Errorf("the backend got %q", m.fields)
			}
			a.expectStatus(t, 200)
		})
	}
}
