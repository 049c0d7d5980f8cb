package wire

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestResponseWithoutBody covers responses that have no body whatever their
// header says (RFC 9112 §6.3), and bytes that come after the end. Those are
// never shown to anyone, and the connection is given up.
func TestResponseWithoutBody(t *testing.T) {
	const extra = "HTTP/1.1 200 OK\r\nX-Leak: 1\r\nContent-Length: 4\r\n\r\nleak"
	length := func(n string) []string { return []string{"Content-Type: a/b", "Content-Length: " + n} }
	runResponses(t, []responseCase{
		{name: "HEAD with a length", method: "HEAD", reply: headOK + "Content-Length: 1234\r\n\r\n", fields: length("1234"), conn: kept},
		{name: "HEAD with length 0", method: "HEAD", reply: headOK + "Content-Length: 0\r\n\r\n", fields: length("0"), conn: kept},
		{name: "HEAD with chunks announced", method: "HEAD", reply: headOK + chunked + "\r\n", fields: plainFields, conn: kept},
		{name: "HEAD without a length", method: "HEAD", reply: headOK + "\r\n", fields: plainFields},
		{name: "HEAD with a body", method: "HEAD", reply: headOK + "Content-Length: 4\r\n\r\nleak", fields: length("4"), conn: closed},
		{name: "HEAD with chunks", method: "HEAD", reply: headOK + chunked + "\r\n4\r\nleak\r\n0\r\n\r\n", fields: plainFields, conn: closed},
		{name: "HEAD, 404", method: "HEAD", reply: "HTTP/1.1 404 No\r\nContent-Length: 7\r\n\r\n", status: 404, fields: []string{"Content-Length: 7"}, conn: kept},
		{name: "204", reply: "HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n", status: 204, fields: []string{"X-A: 1"}, conn: kept},
		{name: "204 with a body", reply: "HTTP/1.1 204 No Content\r\n\r\nleak", status: 204, conn: closed},
		{name: "304", reply: "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n", status: 304, fields: []string{"ETag: \"x\""}, conn: kept},
		{name: "304 with a length", reply: "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 10\r\n\r\n", status: 304, fields: []string{"ETag: \"x\"", "Content-Length: 10"}, conn: kept},
		{name: "304 with a type", reply: "HTTP/1.1 304 Not Modified\r\nContent-Type: a/b\r\n\r\n", status: 304, fields: plainFields, conn: kept},
		{name: "304 with a body", reply: "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 4\r\n\r\nleak", status: 304, fields: []string{"ETag: \"x\"", "Content-Length: 4"}, conn: closed},
		{name: "longer than its length", reply: headOK + "Content-Length: 2\r\n\r\nhileak", fields: length("2"), body: "hi", conn: closed},
		{name: "longer than length 0", reply: headOK + "Content-Length: 0\r\n\r\nleak", fields: length("0"), conn: closed},
		{name: "a second response after it", reply: headOK + "Content-Length: 2\r\n\r\nhi" + extra, fields: length("2"), body: "hi", conn: closed},
		{name: "a second response after chunks", reply: headOK + chunked + "\r\n2\r\nhi\r\n0\r\n\r\n" + extra, fields: plainFields, body: "hi", conn: closed},
		{name: "a second response after HEAD", method: "HEAD", reply: headOK + "Content-Length: 2\r\n\r\n" + extra, fields: length("2"), conn: closed},
		{name: "a second response after 204", reply: "HTTP/1.1 204 No Content\r\n\r\n" + extra, status: 204, conn: closed},
		{name: "an empty line after it", reply: headOK + "Content-Length: 2\r\n\r\nhi\r\n", fields: length("2"), body: "hi", conn: closed},
	})
}

// TestResponseNoContentLength: 204 has no length (RFC 9110 §8.6), whatever the
// backend says.
func TestResponseNoContentLength(t *testing.T) {
	s := plain.take(t)
	s.backend(t).replying("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n")
	a := overHTTP1(t, s, "GET", "/")
	a.expectStatus(t, 204)
	if len(a.values("Transfer-Encoding")) > 0 {
		t.Errorf("the client got %q", a.fields)
	}
}

// TestResponsePackets: how a response is cut into packets changes nothing.
func TestResponsePackets(t *testing.T) {
	reply := "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nX-T: end\r\n\r\n"
	for _, n := range []int{1, 2, 3, 7, 16} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			s := plain.take(t)
			s.backend(t).serve(func(p *peer, _ *message) bool { return p.sendPieces(reply, n) == nil })
			a := overHTTP1(t, s, "GET", "/")
			a.expectStatus(t, 200)
			if a.body != "hello world" || len(a.trailers) != 1 {
				t.Errorf("the client got %s", a)
			}
		})
	}
}

// TestResponseLarge: 10 MB arrive as they were sent, over each protocol.
func TestResponseLarge(t *testing.T) {
	body := make([]byte, 10<<20)
	random := rand.NewChaCha8([32]byte{2})
	_, _ = random.Read(body) // never fails
	want := sha256.Sum256(body)
	var chunks strings.Builder
	for rest := body; len(rest) > 0; {
		n := min(len(rest), 1+rand.IntN(100_000))
		fmt.Fprintf(&chunks, "%x\r\n%s\r\n", n, rest[:n])
		rest = rest[n:]
	}
	for name, raw := range map[string]string{
		"length":  headOK + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body),
		"chunked": headOK + chunked + "\r\n" + chunks.String() + "0\r\n\r\n",
	} {
		for protocol, client := range map[string]client{"h1": overHTTP1, "h2": overHTTP2, "h3": overHTTP3} {
			t.Run(name+"/"+protocol, func(t *testing.T) {
				s := plain.take(t)
				s.backend(t).replying(raw)
				a := client(t, s, "GET", "/")
				a.expectStatus(t, 200)
				if got := sha256.Sum256([]byte(a.body)); got != want {
					t.Errorf("the client got %d other bytes", len(a.body))
				}
			})
		}
	}
}

// TestResponseCompressed: what is compressed stays so, and nothing asks for it
// but the client.
func TestResponseCompressed(t *testing.T) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write([]byte(strings.Repeat("compressed ", 100)))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, accept := range []string{"", "Accept-Encoding: gzip\r\n", "Accept-Encoding: identity\r\n"} {
		t.Run(accept, func(t *testing.T) {
			t.Parallel()
			s := plain.take(t)
			got := s.backend(t).replying(headOK + fmt.Sprintf("Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", packed.Len(), packed.String()))
			p := s.dial(t)
			p.send(s.fill("GET / HTTP/1.1\r\nHost: HOST\r\n" + accept + "\r\n"))
			a := p.answer("GET")
			a.expectFields(t, "Via: 1.1 Caddy", "Content-Type: a/b", "Content-Encoding: gzip", fmt.Sprintf("Content-Length: %d", packed.Len()))
			if a.body != packed.String() {
				t.Errorf("the client got %d other bytes", len(a.body))
			}
			var want []string
			if accept != "" {
				want = []string{strings.TrimSpace(accept)}
			}
			got.next(t).expectFields(t, s.baseFields(), want)
		})
	}
}
