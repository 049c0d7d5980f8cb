package wire

import (
	"strings"
	"testing"
	"time"
)

// TestRequestChunked covers bodies in the chunked coding that are valid,
// however unusual (RFC 9112 §7.1): the backend gets the body, well framed.
func TestRequestChunked(t *testing.T) {
	tests := []struct{ name, chunks, body string }{
		{"empty", "0\r\n\r\n", ""},
		{"one chunk", "5\r\nhello\r\n0\r\n\r\n", "hello"},
		{"single bytes", "1\r\nh\r\n1\r\ni\r\n0\r\n\r\n", "hi"},
		{"hexadecimal in both cases", "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789"},
		{"leading zeros", "005\r\nhello\r\n0000\r\n\r\n", "hello"},
		{"extension", "5;a=b\r\nhello\r\n0;last\r\n\r\n", "hello"},
		{"quoted extension", "5;a=\"b;c\"\r\nhello\r\n0\r\n\r\n", "hello"},
		{"looks like an end", "5\r\n0\r\n\r\n\r\n0\r\n\r\n", "0\r\n\r\n"},
		{"looks like a request", "13\r\nGET / HTTP/1.1\r\n\r\nx\r\n0\r\n\r\n", "GET / HTTP/1.1\r\n\r\nx"},
		{"large chunk", "10000\r\n" + strings.Repeat("z", 1<<16) + "\r\n0\r\n\r\n", strings.Repeat("z", 1<<16)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := plain.take(t)
			m, a := s.exchange(t, "POST / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n"+test.chunks, "POST")
			if m.body != test.body || !m.complete {
				t.Errorf("the backend got %.80q, want %.80q", m.body, test.body)
			}
			if len(m.trailers) > 0 {
				t.Errorf("the backend got the trailers %q", m.trailers)
			}
			a.expectStatus(t, 200)
		})
	}
}

// TestRequestChunkedMalformed: a body that breaks the coding is the client's
// fault. The backend never gets a request that looks complete, and nothing is
// counted against it (RFC 9112 §7.1, §8).
func TestRequestChunkedMalformed(t *testing.T) {
	const good = "5\r\nhello\r\n"
	tests := []struct{ name, chunks string }{
		{"no number", "x\r\nhello\r\n0\r\n\r\n"},
		{"negative", "-5\r\nhello\r\n0\r\n\r\n"},
		{"plus", "+5\r\nhello\r\n0\r\n\r\n"},
		{"0x", "0x5\r\nhello\r\n0\r\n\r\n"},
		{"underscore", "1_0\r\nhello\r\n0\r\n\r\n"},
		{"empty size", "\r\nhello\r\n0\r\n\r\n"},
		{"space before the size", " 5\r\nhello\r\n0\r\n\r\n"},
		{"too large for any integer", "fffffffffffffffff\r\nhello\r\n0\r\n\r\n"},
		{"no CRLF after the data", "5\r\nhelloX\r\n0\r\n\r\n"},
		{"data longer than its size", "3\r\nhello\r\n0\r\n\r\n"},
		{"bare CR after the data", "5\r\nhello\r0\r\n\r\n"},
		{"bare CR in an extension", "5;a\rb\r\nhello\r\n0\r\n\r\n"},
		{"NUL in the size", "5\x00\r\nhello\r\n0\r\n\r\n"},
		{"malformed after a good chunk", good + "zz\r\nhello\r\n0\r\n\r\n"},
		{"endless extension", good + "5;" + strings.Repeat("a", 64<<10) + "\r\nhello\r\n0\r\n\r\n"},
		{"malformed trailer", good + "0\r\nbad trailer\r\n\r\n"},
		{"trailer with a NUL", good + "0\r\nX-T: a\x00\r\n\r\n"},
		{"huge trailer", good + "0\r\nX-T: " + strings.Repeat("a", 1<<20) + "\r\n\r\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := plain.take(t)
			b := s.backend(t)
			got := b.replying(reply200)
			client := s.dial(t)
			go func() { // the server may close before it has read it all
				_ = client.sendPieces(s.fill("POST / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n"+test.chunks), 1<<21)
			}()
			a := client.readAnswer("POST")
			if a.status != 400 {
				t.Errorf("got status %d (%v), want 400", a.status, a.err)
			}
			s.expectIdle(t)
			s.expectFailures(t, 0)
			select {
			case m := <-got.requests:
				t.Errorf("the backend got a complete request: %q %q %.80q", m.start, m.fields, m.body)
			default:
			}
		})
	}
}

// TestRequestBodyStops: the client goes away in the middle of its body.
func TestRequestBodyStops(t *testing.T) {
	for _, test := range []struct{ name, head string }{
		{"length", "Content-Length: 100\r\n\r\nhello"},
		{"chunked", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"},
		{"inside a chunk", "Transfer-Encoding: chunked\r\n\r\nff\r\nhello"},
		{"inside a chunk size", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5"},
		{"before the end of the trailers", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: a\r\n"},
	} {
		for _, abrupt := range []bool{false, true} {
			t.Run(test.name+map[bool]string{false: ", FIN", true: ", RST"}[abrupt], func(t *testing.T) {
				t.Parallel()
				s := plain.take(t)
				b := s.backend(t)
				client := s.dial(t)
				client.send(s.fill("POST / HTTP/1.1\r\nHost: HOST\r\n" + test.head))
				p := b.accept()
				m := p.head()
				if abrupt {
					client.reset()
				} else {
					_ = client.Close()
				}
				left := time.Now()
				if err := m.readBody(p.r, false); err == nil {
					t.Errorf("the backend got a complete request: %q %q", m.fields, m.body)
				}
				if took := time.Since(left); took > 2*time.Second {
					t.Errorf("the backend's connection was closed only after %s", took)
				}
				s.expectIdle(t)
				s.expectFailures(t, 0)
			})
		}
	}
}

// TestRequestBodyStalls: the backend fails while the client, which waits for
// the answer, has not sent all of its body: it gets the answer.
func TestRequestBodyStalls(t *testing.T) {
	for name, fail := range map[string]func(p *peer){
		"closes":    func(p *peer) { _ = p.Close() },
		"resets":    func(p *peer) { p.reset() },
		"malformed": func(p *peer) { p.send("leak\r\n\r\n") },
		"cut":       func(p *peer) { p.send("HTTP/1.1 200 OK\r\nX-Le"); _ = p.Close() },
	} {
		for _, head := range []string{"Content-Length: 100\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"} {
			t.Run(name+", "+head[:12], func(t *testing.T) {
				t.Parallel()
				s := plain.take(t)
				b := s.backend(t)
				client := s.dial(t)
				client.send(s.fill("POST / HTTP/1.1\r\nHost: HOST\r\n" + head))
				p := b.accept()
				p.head()
				_, body, _ := strings.Cut(head, "\r\n\r\n")
				p.expect(body)
				fail(p)
				start := time.Now()
				client.answer("POST").expectStatus(t, 502)
				if took := time.Since(start); took > 2*time.Second {
					t.Errorf("the answer took %s to come", took)
				}
				client.expectClosed() // what it sends now would be taken for a request
				s.expectIdle(t)
				s.expectFailures(t, 1)
			})
		}
	}
}
