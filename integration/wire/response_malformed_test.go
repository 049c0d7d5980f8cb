package wire

import (
	"strings"
	"testing"
)

// TestResponseStatusLine covers the first line of responses (RFC 9112 §4).
func TestResponseStatusLine(t *testing.T) {
	const rest = "\r\nX-Leak: 1\r\nContent-Length: 4\r\n\r\nleak"
	bad := func(name, line string) responseCase {
		return responseCase{name: name, reply: line + rest, want: refused, conn: closed}
	}
	good := func(name, line string, status int) responseCase {
		return responseCase{
			name: name, reply: line + "\r\nContent-Type: a/b\r\nContent-Length: 2\r\n\r\nhi",
			status: status, fields: []string{"Content-Type: a/b", "Content-Length: 2"}, body: "hi", conn: kept,
		}
	}
	runResponses(t, []responseCase{
		good("no reason", "HTTP/1.1 200 ", 200),
		good("no reason and no space", "HTTP/1.1 200", 200),
		good("another reason", "HTTP/1.1 200 Fine, thanks: really", 200),
		good("reason above 0x7f", "HTTP/1.1 200 \xe9t\xe9", 200),
		good("an unknown status", "HTTP/1.1 299 Odd", 299),
		good("a client error", "HTTP/1.1 418 Teapot", 418),
		good("a server error", "HTTP/1.1 503 Down", 503),
		good("the highest status of its class", "HTTP/1.1 599 X", 599),
		bad("status with four digits", "HTTP/1.1 1000 OK"),
		bad("status with two digits", "HTTP/1.1 20 OK"),
		bad("status 099", "HTTP/1.1 099 OK"),
		bad("status 000", "HTTP/1.1 000 OK"),
		bad("status of letters", "HTTP/1.1 abc OK"),
		bad("status with a sign", "HTTP/1.1 +20 OK"),
		bad("negative status", "HTTP/1.1 -20 OK"),
		bad("hexadecimal status", "HTTP/1.1 2a0 OK"),
		bad("status glued to its reason", "HTTP/1.1 200OK"),
		bad("two spaces before the status", "HTTP/1.1  200 OK"),
		bad("no status", "HTTP/1.1"),
		bad("tab before the status", "HTTP/1.1\t200 OK"),
		bad("lower case", "http/1.1 200 OK"),
		bad("other protocol", "ICY 200 OK"),
		bad("HTTP/2.0", "HTTP/2.0 200 OK"),
		bad("HTTP/3.0", "HTTP/3.0 200 OK"),
		bad("HTTP/0.9", "HTTP/0.9 200 OK"),
		bad("HTTP/1", "HTTP/1 200 OK"),
		bad("HTTP/11.1", "HTTP/11.1 200 OK"),
		bad("HTTP/1.1x", "HTTP/1.1x 200 OK"),
		bad("HTTP/a.b", "HTTP/a.b 200 OK"),
		bad("space before the version", " HTTP/1.1 200 OK"),
		bad("empty line first", "\r\nHTTP/1.1 200 OK"),
		bad("NUL in the reason", "HTTP/1.1 200 O\x00K"),
		bad("bare CR in the reason", "HTTP/1.1 200 O\rK"),
		bad("a request", "GET / HTTP/1.1"),
		bad("TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
		bad("HTTP/2 frames", "\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64"),
		{name: "HTTP/0.9 style", reply: "<html>leak</html>\r\n", end: finishes, want: refused, conn: closed},
		{name: "nothing at all", reply: "", end: finishes, want: refused},
		{name: "endless line", reply: "HTTP/1.1 200 " + strings.Repeat("leak", 1<<19), want: refused, conn: closed},
		{name: "cut in the line", reply: "HTTP/1.1 2", end: finishes, want: refused},
	})
}

// TestResponseHeadMalformed covers malformed header fields (RFC 9112 §5,
// RFC 9110 §5): there is no telling what else is wrong, so the client gets a
// 502.
func TestResponseHeadMalformed(t *testing.T) {
	bad := func(name, field string) responseCase {
		return responseCase{
			name: name, want: refused, conn: closed,
			reply: "HTTP/1.1 200 OK\r\nX-Leak: 1\r\n" + field + "\r\nContent-Length: 4\r\n\r\nleak",
		}
	}
	runResponses(t, []responseCase{
		bad("no colon", "X-A"),
		bad("no name", ": a"),
		bad("space in a name", "X A: a"),
		bad("space before the colon", "X-A : a"),
		bad("tab before the colon", "X-A\t: a"),
		bad("NUL in a name", "X\x00A: a"),
		bad("NUL in a value", "X-A: a\x00b"),
		bad("bare CR in a value", "X-A: a\rb"),
		bad("bare CR at the end of a value", "X-A: a\r"),
		bad("bare CR in a name", "X\rA: a"),
		bad("control character in a value", "X-A: a\x01b"),
		bad("escape character in a value", "X-A: a\x1bb"),
		bad("DEL in a value", "X-A: a\x7fb"),
		bad("characters that are in no token", "X(A): a"),
		bad("quotes in a name", "\"X-A\": a"),
		bad("name above 0x7f", "X\xe9: a"),
		bad("line is only a space", " "),
		{name: "first line is folded", want: refused, conn: closed, reply: "HTTP/1.1 200 OK\r\n X-Leak: 1\r\nContent-Length: 4\r\n\r\nleak"},
		{name: "first line is folded by a tab", want: refused, conn: closed, reply: "HTTP/1.1 200 OK\r\n\tX-Leak: 1\r\nContent-Length: 4\r\n\r\nleak"},
		{name: "one huge field", want: refused, conn: closed, reply: "HTTP/1.1 200 OK\r\nX-Leak: " + strings.Repeat("a", 2<<20) + "\r\nContent-Length: 4\r\n\r\nleak"},
		{name: "endless fields", want: refused, conn: closed, reply: "HTTP/1.1 200 OK\r\n" + strings.Repeat("X-Leak: 0123456789\r\n", 120_000) + "Content-Length: 4\r\n\r\nleak"},
		{name: "cut in a field", want: refused, end: finishes, reply: "HTTP/1.1 200 OK\r\nX-Leak: 1"},
		{name: "cut before the empty line", want: refused, end: finishes, reply: "HTTP/1.1 200 OK\r\nX-Leak: 1\r\n"},
		{name: "reset in a field", want: refused, end: resets, reply: "HTTP/1.1 200 OK\r\nX-Leak: 1"},
		{name: "reset before anything", want: refused, end: resets},
	})
}

// TestResponseFolding: a folded value becomes one with spaces, or the response
// is refused (RFC 9112 §5.2).
func TestResponseFolding(t *testing.T) {
	for _, fold := range []string{"\r\n ", "\r\n\t", "\r\n   ", "\r\n \r\n "} {
		t.Run(fold, func(t *testing.T) {
			t.Parallel()
			s := plain.take(t)
			s.backend(t).replying("HTTP/1.1 200 OK\r\nX-A: b" + fold + "c\r\nContent-Type: a/b\r\nContent-Length: 2\r\n\r\nhi")
			a := overHTTP1(t, s, "GET", "/")
			if a.status == 502 {
				return
			}
			a.expectStatus(t, 200)
			if v := strings.Fields(strings.Join(a.values("X-A"), ",")); strings.Join(v, " ") != "b c" {
				t.Errorf("the client got %q", a.fields)
			}
		})
	}
}

// TestResponseBareLF: the client gets CRLF, which reading its answer enforces,
// or a 502 (RFC 9112 §2.2).
func TestResponseBareLF(t *testing.T) {
	s := plain.take(t)
	s.backend(t).replying("HTTP/1.1 200 OK\nContent-Type: a/b\nContent-Length: 2\n\nhi")
	if a := overHTTP1(t, s, "GET", "/"); a.status != 502 && (a.status != 200 || a.body != "hi") {
		t.Errorf("the client got %s", a)
	}
}
