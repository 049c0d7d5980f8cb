package wire

import (
	"slices"
	"strings"
	"testing"
)

// TestRequestSmuggling: a request whose framing can be read in two ways
// reaches no backend (RFC 9112 §6.3, §11.2). What follows it on the connection
// is never taken for a request.
func TestRequestSmuggling(t *testing.T) {
	const (
		te   = "Transfer-Encoding: chunked\r\n"
		body = "\r\n5\r\nhello\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: HOST\r\n\r\n"
	)
	tests := []struct{ name, head string }{
		{"TE xchunked", "Transfer-Encoding: xchunked\r\n"},
		{"TE identity", "Transfer-Encoding: identity\r\n"},
		{"TE chunked, identity", "Transfer-Encoding: chunked, identity\r\n"},
		{"TE identity, chunked", "Transfer-Encoding: identity, chunked\r\n"},
		{"TE chunked, chunked", "Transfer-Encoding: chunked, chunked\r\n"},
		{"TE gzip, chunked", "Transfer-Encoding: gzip, chunked\r\n"},
		{"TE gzip", "Transfer-Encoding: gzip\r\n"},
		{"TE empty", "Transfer-Encoding:\r\n"},
		{"TE quoted", "Transfer-Encoding: \"chunked\"\r\n"},
		{"TE with a parameter", "Transfer-Encoding: chunked;q=1\r\n"},
		{"TE with a trailing comma", "Transfer-Encoding: chunked,\r\n"},
		{"TE with a vertical tab", "Transfer-Encoding: \vchunked\r\n"},
		{"TE with a NUL", "Transfer-Encoding: chunked\x00\r\n"},
		{"TE with a bare CR", "Transfer-Encoding: chunked\rX\r\n"},
		{"TE folded", "Transfer-Encoding:\r\n xchunked\r\n"},
		{"two TE", te + te},
		{"two TE, one unknown", te + "Transfer-Encoding: x\r\n"},
		{"two TE, identity first", "Transfer-Encoding: identity\r\n" + te},
		{"space before the colon of TE", "Transfer-Encoding : chunked\r\n"},
		{"tab before the colon of TE", "Transfer-Encoding\t: chunked\r\n"},
		{"CL then unknown TE", "Content-Length: 5\r\nTransfer-Encoding: x\r\n"},
		{"CL and space before the colon of TE", "Content-Length: 5\r\nTransfer-Encoding : chunked\r\n"},
		{"two CL that differ", "Content-Length: 5\r\nContent-Length: 6\r\n"},
		{"CL list that differs", "Content-Length: 5, 6\r\n"},
		{"CL negative", "Content-Length: -5\r\n"},
		{"CL with plus", "Content-Length: +5\r\n"},
		{"CL hexadecimal", "Content-Length: 0x5\r\n"},
		{"CL with a fraction", "Content-Length: 5.0\r\n"},
		{"CL empty", "Content-Length:\r\n"},
		{"CL with a space inside", "Content-Length: 5 5\r\n"},
		{"CL with an underscore", "Content-Length: 1_0\r\n"},
		{"CL too large for any integer", "Content-Length: 99999999999999999999\r\n"},
		{"CL in other digits", "Content-Length: \xd9\xa5\r\n"},
		{"space before the colon of CL", "Content-Length : 5\r\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			plain.take(t).refused(t, "POST / HTTP/1.1\r\nHost: HOST\r\n"+test.head+body, 400, 501)
		})
	}
}

// TestRequestBothFramings: with Transfer-Encoding beside Content-Length a
// server may refuse, or must go by the former, drop the latter and close
// (RFC 9112 §6.3). What follows is another request or nothing at all.
func TestRequestBothFramings(t *testing.T) {
	for _, head := range []string{
		"Content-Length: 4\r\nTransfer-Encoding: chunked",
		"Transfer-Encoding: chunked\r\nContent-Length: 4",
		"Content-Length: 0\r\nTransfer-Encoding: chunked",
		"Content-Length: 4\r\nContent-Length: 4\r\nTransfer-Encoding: CHUNKED",
	} {
		t.Run(head, func(t *testing.T) {
			t.Parallel()
			s := plain.take(t)
			got := s.backend(t).replying(reply200)
			client := s.dial(t)
			client.send(s.fill("POST /first HTTP/1.1\r\nHost: HOST\r\n" + head + "\r\n\r\n5\r\nhello\r\n0\r\n\r\n"))
			a := client.readAnswer("POST")
			if a.status == 400 {
				return
			}
			a.expectStatus(t, 200)
			if m := got.next(t); m.body != "hello" || len(m.values("Content-Length"))+len(m.values("Transfer-Encoding")) != 1 {
				t.Errorf("the backend got %q %q", m.fields, m.body)
			}
		})
	}
}

// TestRequestSameLengthTwice: a repeated Content-Length is refused or becomes
// one (RFC 9110 §8.6).
func TestRequestSameLengthTwice(t *testing.T) {
	for _, head := range []string{"Content-Length: 5\r\nContent-Length: 5", "Content-Length: 5, 5"} {
		t.Run(head, func(t *testing.T) {
			t.Parallel()
			s := plain.take(t)
			got := s.backend(t).replying(reply200)
			client := s.dial(t)
			client.send(s.fill("POST / HTTP/1.1\r\nHost: HOST\r\n" + head + "\r\n\r\nhello"))
			if a := client.readAnswer("POST"); a.status == 400 {
				return
			}
			if m := got.next(t); m.body != "hello" || !slices.Equal(m.values("Content-Length"), []string{"5"}) {
				t.Errorf("the backend got %q %q", m.fields, m.body)
			}
		})
	}
}

// TestRequestHeadRefused covers malformed heads (RFC 9112 §2.2, §3, §5).
func TestRequestHeadRefused(t *testing.T) {
	tests := []struct {
		name, head string
		status     int
	}{
		{"NUL in a value", "X-A: a\x00b\r\n", 400},
		{"bare CR in a value", "X-A: a\rb\r\n", 400},
		{"control character in a value", "X-A: a\x01b\r\n", 400},
		{"DEL in a value", "X-A: a\x7fb\r\n", 400},
		{"NUL in a name", "X\x00A: b\r\n", 400},
		{"space in a name", "X A: b\r\n", 400},
		{"space before the colon", "X-A : b\r\n", 400},
		{"no colon", "X-A\r\n", 400},
		{"no name", ": b\r\n", 400},
		{"name of other characters", "X(A): b\r\n", 400},
		{"name above 0x7f", "X\xe9: b\r\n", 400},
		{"first line is folded", " X-A: b\r\n", 400},
		{"two Host", "Host: HOST\r\n", 400},
		{"two Host that differ", "Host: evil.example\r\n", 400},
		{"huge field", "X-A: " + strings.Repeat("a", 64<<10) + "\r\n", 431},
		{"huge number of fields", strings.Repeat("X-A: b\r\n", 4000), 431},
		{"huge name", strings.Repeat("a", 64<<10) + ": b\r\n", 431},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			head := "Host: HOST\r\n" + test.head
			if strings.HasPrefix(test.head, " ") {
				head = test.head + "Host: HOST\r\n"
			}
			plain.take(t).refused(t, "GET / HTTP/1.1\r\n"+head+"\r\n", test.status)
		})
	}
}

// TestRequestHostRefused covers Host fields that a server must refuse
// (RFC 9112 §3.2).
func TestRequestHostRefused(t *testing.T) {
	for _, host := range []string{
		"", "Host: a b\r\n", "Host: a/b\r\n", "Host: a@b\r\n", "Host: a\\b\r\n", "Host: a\x00b\r\n",
		"Host: a\tb\r\n", "Host: \"a\"\r\n", "Host: a<b\r\n", "Host : a\r\n", "Host: a\r\nHost: a\r\n", "Host: a^b\r\n", "Host: a`b\r\n",
		"Host: a?b\r\n", "Host: a#b\r\n", "Host: {http.request.host}\r\n", "Host: a|b\r\n",
	} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			alone.take(t).refused(t, "GET / HTTP/1.1\r\n"+host+"\r\n", 400)
		})
	}
}

// TestRequestFolding: a folded line is refused or unfolded, never passed on as
// it is (RFC 9112 §5.2).
func TestRequestFolding(t *testing.T) {
	s := plain.take(t)
	got := s.backend(t).replying(reply200)
	client := s.dial(t)
	client.send(s.fill("GET / HTTP/1.1\r\nHost: HOST\r\nX-A: b\r\n c\r\n\r\n"))
	if a := client.readAnswer("GET"); a.status == 400 {
		return
	}
	got.next(t).expectFields(t, s.baseFields(), []string{"X-A: b c"})
}

// TestRequestBareLF: lines that end with a bare LF are accepted or refused
// (RFC 9112 §2.2), and the backend gets CRLF, which reading its message
// enforces.
func TestRequestBareLF(t *testing.T) {
	s := plain.take(t)
	got := s.backend(t).replying(reply200)
	client := s.dial(t)
	client.send(s.fill("GET / HTTP/1.1\nHost: HOST\nX-A: b\n\n"))
	if a := client.readAnswer("GET"); a.status == 400 {
		return
	}
	got.next(t).expectFields(t, s.baseFields(), []string{"X-A: b"})
}
