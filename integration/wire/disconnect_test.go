package wire

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestDisconnect: a client that leaves takes its request with it, wherever
// that is: the backend is told within a second, the access log has a 499, and
// nothing is counted against the backend.
func TestDisconnect(t *testing.T) {
	stages := []struct {
		name string
		play func(t *testing.T, p *peer)
		log  int // status of the access log
	}{
		{"before the response", func(_ *testing.T, p *peer) { p.request() }, 499},
		{"in the head of the response", func(_ *testing.T, p *peer) {
			p.request()
			p.send("HTTP/1.1 200 OK\r\nX-A: ")
		}, 499},
		{"in the body of the response", func(_ *testing.T, p *peer) {
			p.request()
			p.send(headOK + chunked + "\r\n5\r\nhello\r\n")
		}, 200},
		{"while the response floods", func(_ *testing.T, p *peer) {
			p.request()
			p.send(headOK + "Content-Length: 1000000000\r\n\r\n")
			go func() {
				piece := strings.Repeat("x", 1<<16)
				for p.sendPieces(piece, len(piece)) == nil { // until it is closed
				}
			}()
		}, 200},
	}
	for _, stage := range stages {
		for _, leave := range leavers {
			t.Run(stage.name+"/"+leave.name, func(t *testing.T) {
				t.Parallel()
				s := plain.take(t)
				b := s.backend(t)
				uri := fmt.Sprintf("/%x", time.Now().UnixNano())
				leaveNow := leave.start(t, s, uri)
				p := b.accept()
				stage.play(t, p)
				time.Sleep(settle / 3) // so that what was sent is on its way
				left := time.Now()
				leaveNow()
				if _, err := p.drainUntilClosed(3 * time.Second); err != nil {
					t.Errorf("the backend's connection: %v", err)
				}
				if took := time.Since(left); took > time.Second {
					t.Errorf("the backend's connection was closed after %s", took)
				}
				s.expectIdle(t)
				s.expectFailures(t, 0)
				if status := s.accessLog(t, uri); status != stage.log {
					t.Errorf("the access log has status %d, want %d", status, stage.log)
				}
			})
		}
	}
}

// leavers are clients that send a GET and leave when the function is called
// that start returns.
var leavers = []struct {
	name  string
	start func(t *testing.T, s *site, uri string) (leave func())
}{
	{"h1, FIN", func(t *testing.T, s *site, uri string) func() {
		p := s.dial(t)
		p.send("GET " + uri + " HTTP/1.1\r\nHost: " + s.host + "\r\n\r\n")
		return func() { _ = p.Close() }
	}},
	{"h1, RST", func(t *testing.T, s *site, uri string) func() {
		p := s.dial(t)
		p.send("GET " + uri + " HTTP/1.1\r\nHost: " + s.host + "\r\n\r\n")
		return p.reset
	}},
	{"h2, stream", func(t *testing.T, s *site, uri string) func() {
		transport := s.http2()
		t.Cleanup(transport.CloseIdleConnections)
		return startAndCancel(t, transport, s, uri)
	}},
	{"h3, stream", func(t *testing.T, s *site, uri string) func() {
		transport := s.http3()
		t.Cleanup(func() { _ = transport.Close() })
		return startAndCancel(t, transport, s, uri)
	}},
}

// startAndCancel sends a GET in the background and returns what cancels it.
func startAndCancel(t *testing.T, transport http.RoundTripper, s *site, uri string) func() {
	t.Helper()
	r := s.newRequest(t, "GET", uri, nil)
	ctx, cancel := context.WithCancel(r.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		res, err := transport.RoundTrip(r.WithContext(ctx))
		if err != nil {
			return
		}
		<-ctx.Done() // reads nothing: the window fills up
		_ = res.Body.Close()
	}()
	t.Cleanup(func() { cancel(); <-ended })
	return cancel
}

// TestDisconnectOthers: a client that leaves does not disturb others on the
// same connection.
func TestDisconnectOthers(t *testing.T) {
	for _, protocol := range []string{"h2", "h3"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			s := plain.take(t)
			b := s.backend(t)
			b.serve(func(p *peer, m *message) bool {
				if strings.HasPrefix(m.start, "GET /stays ") {
					return true // never answers
				}
				return p.sendPieces(reply200, 1000) == nil
			})
			var transport http.RoundTripper = s.http2()
			if protocol == "h3" {
				h3 := s.http3()
				t.Cleanup(func() { _ = h3.Close() })
				transport = h3
			}
			for range 20 {
				cancel := startAndCancel(t, transport, s, "/stays")
				roundTrip(t, transport, s.newRequest(t, "GET", "/", nil)).expectStatus(t, 200)
				cancel()
				roundTrip(t, transport, s.newRequest(t, "GET", "/", nil)).expectStatus(t, 200)
			}
			s.expectIdle(t)
			s.expectFailures(t, 0)
		})
	}
}

// TestDisconnectUpload: over HTTP/2 and HTTP/3 too a body that is given up
// never looks complete to the backend.
func TestDisconnectUpload(t *testing.T) {
	for _, protocol := range []string{"h2", "h3"} {
		for _, length := range []int64{-1, 100} {
			t.Run(fmt.Sprintf("%s, length %d", protocol, length), func(t *testing.T) {
				t.Parallel()
				s := plain.take(t)
				b := s.backend(t)
				var transport http.RoundTripper = s.http2()
				if protocol == "h3" {
					h3 := s.http3()
					t.Cleanup(func() { _ = h3.Close() })
					transport = h3
				}
				pr, pw := io.Pipe()
				r := s.newRequest(t, "POST", "/", pr)
				r.ContentLength = length
				ctx, cancel := context.WithCancel(r.Context())
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					if res, err := transport.RoundTrip(r.WithContext(ctx)); err == nil {
						_ = res.Body.Close()
					}
				}()
				if _, err := io.WriteString(pw, "hello"); err != nil {
					t.Fatal(err)
				}
				p := b.accept()
				m := p.head()
				cancel()
				_ = pw.CloseWithError(context.Canceled)
				<-ended
				if err := m.readBody(p.r, false); err == nil {
					t.Errorf("the backend got a complete request: %q %q", m.fields, m.body)
				}
				s.expectIdle(t)
				s.expectFailures(t, 0)
			})
		}
	}
}
