package wire

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// flushing are sites that pass on every piece of a response at once.
var flushing = declare(kind{name: "flushing", count: 8, options: map[string]any{"flush_interval": -1}})

// TestResponseStreams: each piece reaches the client before the next is sent.
func TestResponseStreams(t *testing.T) {
	chunk := func(s string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(s), s) }
	same := func(s string) string { return s }
	for _, test := range []struct {
		name   string
		kind   *kind
		head   string
		encode func(string) string
		end    string
	}{
		{"server-sent events, chunked", plain, "Content-Type: text/event-stream\r\n" + chunked, chunk, "0\r\n\r\n"},
		{"server-sent events with a charset", plain, "Content-Type: text/event-stream;charset=utf-8\r\n" + chunked, chunk, "0\r\n\r\n"},
		{"server-sent events until close", plain, "Content-Type: text/event-stream\r\n", same, ""},
		{"server-sent events with a length", plain, "Content-Type: text/event-stream\r\nContent-Length: 33\r\n", same, ""},
		{"unknown length", plain, "Content-Type: a/b\r\n" + chunked, chunk, "0\r\n\r\n"},
		{"unknown length until close", plain, "Content-Type: a/b\r\n", same, ""},
		{"known length, flushed", flushing, "Content-Type: a/b\r\nContent-Length: 33\r\n", same, ""},
	} {
		for _, protocol := range []string{"h1", "h2", "h3"} {
			t.Run(test.name+"/"+protocol, func(t *testing.T) {
				t.Parallel()
				s := test.kind.take(t)
				b := s.backend(t)
				opened := make(chan *bufio.Reader, 1)
				go func() { opened <- open(t, s, protocol) }()
				p := b.accept()
				p.request()
				p.send("HTTP/1.1 200 OK\r\n" + test.head + "\r\n")
				body := <-opened // the head comes before any of the body
				for i := range 3 {
					event := fmt.Sprintf("data: %03d\n\n", i)
					p.send(test.encode(event))
					got := make([]byte, len(event))
					if _, err := io.ReadFull(body, got); err != nil || string(got) != event {
						t.Fatalf("the client got %q, %v", got, err)
					}
				}
				p.send(test.end)
				p.finish()
				if rest, err := io.ReadAll(body); err != nil || len(rest) > 0 {
					t.Errorf("the client then got %q, %v", rest, err)
				}
			})
		}
	}
}

// open sends a GET and returns the body of the response once its head is here.
func open(t *testing.T, s *site, protocol string) *bufio.Reader {
	fail := func(err error) *bufio.Reader {
		t.Error(err)
		return bufio.NewReader(strings.NewReader(""))
	}
	if protocol == "h1" {
		// HTTP/1.0 has the body as it is
		client := s.dial(t)
		if err := client.sendPieces(s.fill("GET / HTTP/1.0\r\nHost: HOST\r\n\r\n"), 1000); err != nil {
			return fail(err)
		}
		if _, err := readHead(client.r); err != nil {
			return fail(err)
		}
		return client.r
	}
	var transport http.RoundTripper = s.http2()
	if protocol == "h3" {
		h3 := s.http3()
		t.Cleanup(func() { _ = h3.Close() })
		transport = h3
	}
	res, err := transport.RoundTrip(s.newRequest(t, "GET", "/", nil))
	if err != nil {
		return fail(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return bufio.NewReader(res.Body)
}

// TestResponseEarly: a response that comes while the request is being sent
// reaches the client, and the backend's connection is not used again
// (RFC 9112 §9.3: the rest of the body is not known to be read).
func TestResponseEarly(t *testing.T) {
	for _, test := range []struct{ closing, waits bool }{{false, false}, {true, false}, {false, true}, {true, true}} {
		t.Run(fmt.Sprintf("backend closes %t, client waits %t", test.closing, test.waits), func(t *testing.T) {
			t.Parallel()
			s := plain.take(t)
			b := s.backend(t)
			client := s.dial(t)
			client.send(s.fill("POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 1000000\r\n\r\nhello"))
			p := b.accept()
			p.head()
			p.expect("hello")
			p.send("HTTP/1.1 413 Too Large\r\nContent-Type: a/b\r\nContent-Length: 2\r\n\r\nno")
			if test.closing {
				p.finish()
			}
			start := time.Now()
			a := client.answer("POST")
			a.expectStatus(t, 413)
			if a.body != "no" {
				t.Errorf("the client got %s", a)
			}
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("the response took %s to come", took)
			}
			if test.waits { // for the connection to be closed, since nothing else can come
				client.expectClosed()
			}
			_ = client.Close()
			if _, err := p.drainUntilClosed(3 * time.Second); err != nil {
				t.Errorf("the backend's connection: %v", err)
			}
			s.expectIdle(t)
			s.expectFailures(t, 0)
		})
	}
}

// TestResponseBothWays: the request is still sent to its end when the client
// sends on, as a backend that streams both ways needs it.
func TestResponseBothWays(t *testing.T) {
	s := plain.take(t)
	b := s.backend(t)
	b.serve(func(p *peer, _ *message) bool {
		return p.sendPieces("HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 2\r\n\r\nok", 100) == nil
	})
	client := s.http2()
	t.Cleanup(client.CloseIdleConnections)
	pr, pw := io.Pipe()
	go func() {
		for range 100 {
			if _, err := io.WriteString(pw, strings.Repeat("x", 1000)); err != nil {
				break
			}
		}
		_ = pw.Close()
	}()
	a := roundTrip(t, client, s.newRequest(t, "POST", "/", pr))
	a.expectStatus(t, 200)
}

// TestResponseSlowClient: a client that reads slowly gets everything.
func TestResponseSlowClient(t *testing.T) {
	s := plain.take(t)
	const size = 4 << 20
	s.backend(t).replying(headOK + fmt.Sprintf("Content-Length: %d\r\n\r\n", size) + strings.Repeat("x", size))
	client := s.dial(t)
	client.send(s.fill("GET / HTTP/1.1\r\nHost: HOST\r\n\r\n"))
	client.head()
	time.Sleep(settle) // the point of this test: buffers on the way are full by now
	n, err := io.Copy(io.Discard, io.LimitReader(client.r, size))
	if n != size || err != nil {
		t.Errorf("the client got %d bytes, %v", n, err)
	}
}
