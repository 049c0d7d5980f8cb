package wire

import (
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestRequestOldClient: a client of HTTP/1.0 gets no chunked coding, and the
// backend is spoken to as ever (RFC 9112 §2.3, §6.1).
func TestRequestOldClient(t *testing.T) {
	tests := []struct{ name, fields, reply, body string }{
		{"length", "", reply200, "ok"},
		{"chunked response", "", "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "ok"},
		{"keep-alive", "Connection: keep-alive\r\n", reply200, "ok"},
		{"keep-alive, chunked response", "Connection: keep-alive\r\n", "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "ok"},
		{"trailers", "", "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nTrailer: X-T\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n", "ok"},
		{"informational responses", "", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + reply200, "ok"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := plain.take(t)
			got := s.backend(t).replying(test.reply)
			client := s.dial(t)
			client.send(s.fill("GET / HTTP/1.0\r\nHost: HOST\r\n" + test.fields + "\r\n"))
			a := client.answer("GET")
			a.expectStatus(t, 200)
			if a.body != test.body {
				t.Errorf("the client got the body %q", a.body)
			}
			if te := a.values("Transfer-Encoding"); len(te) > 0 {
				t.Errorf("the client got Transfer-Encoding %q", te)
			}
			if trailer := a.values("Trailer"); len(trailer) > 0 {
				t.Errorf("a client of HTTP/1.0, which has no trailers, got Trailer %q", trailer)
			}
			if len(a.informational) > 0 {
				t.Errorf("a client of HTTP/1.0 got %q (RFC 9110 §15.2)", a.informational)
			}
			m := got.next(t)
			if m.start != "GET / HTTP/1.1" {
				t.Errorf("the backend got %q", m.start)
			}
			m.expectFields(t, s.baseFields(), []string{"Via: 1.0 Caddy"})
		})
	}
}

// TestRequestPipelined: requests that come together are answered in order
// (RFC 9112 §9.3.2).
func TestRequestPipelined(t *testing.T) {
	s := plain.take(t)
	s.backend(t).serve(func(p *peer, m *message) bool {
		reply := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: %d\r\n\r\n%s", len(m.start+m.body), m.start+m.body)
		return p.sendPieces(reply, 7) == nil
	})
	client := s.dial(t)
	const n = 20
	var all strings.Builder
	for i := range n {
		switch i % 3 {
		case 0:
			fmt.Fprintf(&all, "GET /%d HTTP/1.1\r\nHost: HOST\r\n\r\n", i)
		case 1:
			fmt.Fprintf(&all, "POST /%d HTTP/1.1\r\nHost: HOST\r\nContent-Length: 3\r\n\r\nabc", i)
		case 2:
			fmt.Fprintf(&all, "POST /%d HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", i)
		}
	}
	client.send(s.fill(all.String()))
	for i := range n {
		want := fmt.Sprintf("POST /%d HTTP/1.1abc", i)
		if i%3 == 0 {
			want = fmt.Sprintf("GET /%d HTTP/1.1", i)
		}
		if a := client.answer("GET"); a.body != want {
			t.Fatalf("answer %d is %q, want %q", i, a.body, want)
		}
	}
}

// TestRequestLarge: 10 MB arrive as they were sent.
func TestRequestLarge(t *testing.T) {
	const size = 10 << 20
	body := make([]byte, size)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(body) // never fails
	want := sha256.Sum256(body)
	var chunks strings.Builder
	for rest := body; len(rest) > 0; {
		n := min(len(rest), 1+rand.IntN(100_000))
		fmt.Fprintf(&chunks, "%x\r\n%s\r\n", n, rest[:n])
		rest = rest[n:]
	}
	for name, raw := range map[string]string{
		"length":  fmt.Sprintf("Content-Length: %d\r\n\r\n%s", size, body),
		"chunked": "Transfer-Encoding: chunked\r\n\r\n" + chunks.String() + "0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			m, a := plain.take(t).exchange(t, "PUT /large HTTP/1.1\r\nHost: HOST\r\n"+raw, "PUT")
			if got := sha256.Sum256([]byte(m.body)); got != want {
				t.Errorf("the backend got %d other bytes", len(m.body))
			}
			a.expectStatus(t, 200)
		})
	}
}

// TestRequestStreams: the body is passed on while it is being sent.
func TestRequestStreams(t *testing.T) {
	for _, chunked := range []bool{false, true} {
		t.Run(fmt.Sprintf("chunked %t", chunked), func(t *testing.T) {
			t.Parallel()
			s := plain.take(t)
			b := s.backend(t)
			client := s.dial(t)
			head, piece, end := "Content-Length: 15\r\n\r\n", "hello", ""
			if chunked {
				head, piece, end = "Transfer-Encoding: chunked\r\n\r\n", "5\r\nhello\r\n", "0\r\n\r\n"
			}
			client.send(s.fill("POST / HTTP/1.1\r\nHost: HOST\r\n" + head))
			p := b.accept()
			p.head()
			for range 3 { // each piece arrives before the next one is sent
				client.send(piece)
				got := make([]byte, len(piece))
				if n, err := io.ReadFull(p.r, got); err != nil || string(got) != piece {
					t.Fatalf("the backend got %q, %v", got[:n], err)
				}
			}
			client.send(end)
			p.expect(end)
			p.send(reply200)
			client.answer("POST").expectStatus(t, 200)
		})
	}
}
