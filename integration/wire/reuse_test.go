package wire

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestReuseCount: many requests, one connection to the backend.
func TestReuseCount(t *testing.T) {
	s := plain.take(t)
	b := s.backend(t)
	replies := []string{
		reply200,
		"HTTP/1.1 404 Not Found\r\nContent-Type: a/b\r\nContent-Length: 2\r\n\r\nno",
		"HTTP/1.1 500 Broken\r\nContent-Type: a/b\r\nContent-Length: 2\r\n\r\nno",
		"HTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 304 Not Modified\r\n\r\n",
		headOK + chunked + "\r\n2\r\nhi\r\n0\r\n\r\n",
		headOK + chunked + "Trailer: X-T\r\n\r\n2\r\nhi\r\n0\r\nX-T: a\r\n\r\n",
		"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + reply200,
	}
	n := 0
	b.serve(func(p *peer, _ *message) bool {
		n++
		return p.sendPieces(replies[n%len(replies)], 1<<16) == nil
	})
	client := s.dial(t)
	for i := range 40 {
		switch i % 3 {
		case 0:
			client.send(s.fill("GET / HTTP/1.1\r\nHost: HOST\r\n\r\n"))
		case 1:
			client.send(s.fill("POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 3\r\n\r\nabc"))
		case 2:
			client.send(s.fill("PUT / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"))
		}
		client.answer("GET")
	}
	if got := b.count.Load(); got != 1 {
		t.Errorf("40 requests came on %d connections", got)
	}
}

// TestReuseUnsolicited: bytes that come on an idle connection answer no later
// request (RFC 9112 §9.2), whoever's it is.
func TestReuseUnsolicited(t *testing.T) {
	for _, junk := range []string{
		"HTTP/1.1 200 OK\r\nX-Leak: 1\r\nContent-Length: 4\r\n\r\nleak",
		"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 4\r\n\r\nleak",
		"HTTP/1.1 103 Early Hints\r\nLink: </leak>\r\n\r\n",
		"leak", "\r\n", "\x00",
	} {
		for _, method := range []string{"GET", "POST"} {
			t.Run(fmt.Sprintf("%.20q, %s", junk, method), func(t *testing.T) {
				t.Parallel()
				s := plain.take(t)
				b := s.backend(t)
				first := s.dial(t)
				first.send(s.fill("GET /first HTTP/1.1\r\nHost: HOST\r\n\r\n"))
				p := b.accept()
				p.request()
				p.send(reply200)
				first.answer("GET").expectStatus(t, 200)
				p.send(junk)
				p.expectClosed() // the proxy sees that something is wrong while it is idle

				second := s.dial(t)
				body := map[string]string{"POST": "Content-Length: 2\r\n\r\nhi", "GET": "\r\n"}[method]
				second.send(s.fill(method + " /second HTTP/1.1\r\nHost: HOST\r\n" + body))
				q := b.accept()
				if m := q.request(); m.start != method+" /second HTTP/1.1" {
					t.Errorf("the backend got %q", m.start)
				}
				q.send(reply200)
				a := second.answer(method)
				a.expectStatus(t, 200)
				if leak := leaked(a); leak != "" || len(a.informational) > 0 {
					t.Errorf("the client got %s", a)
				}
			})
		}
	}
}

// TestReuseUnsolicitedBeforeRequest: nor do bytes that a backend sends as soon
// as it is connected to, before it was asked anything.
func TestReuseUnsolicitedBeforeRequest(t *testing.T) {
	s := plain.take(t)
	b := s.backend(t)
	greeted := make(chan struct{})
	go func() {
		defer close(greeted)
		for range 2 { // one may be tried again
			select {
			case p := <-b.conns:
				_ = p.sendPieces("220 leak.example ESMTP\r\n", 100)
				_, _ = p.drainUntilClosed(3 * time.Second)
			case <-time.After(time.Second):
				return
			}
		}
	}()
	a := overHTTP1(t, s, "GET", "/")
	a.expectStatus(t, 502)
	if leak := leaked(a); leak != "" {
		t.Errorf("the client got %s", leak)
	}
	<-greeted
}

// TestReuseStale: a backend closes a connection that is idle. The next request
// is not lost on it, whichever of both is faster.
func TestReuseStale(t *testing.T) {
	for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			s := plain.take(t)
			b := s.backend(t)
			b.serve(func(p *peer, _ *message) bool {
				reply := reply200
				if method == "HEAD" {
					reply = headOK + "Content-Length: 2\r\n\r\n"
				}
				_ = p.sendPieces(reply, 1000)
				_ = p.Close() // without having said so
				return false
			})
			client := s.dial(t)
			for i := range 30 {
				client.send(s.fill(method + " / HTTP/1.1\r\nHost: HOST\r\n\r\n"))
				if a := client.answer(method); a.status != 200 {
					t.Fatalf("request %d got status %d", i, a.status)
				}
			}
		})
	}
}

// TestReuseDies: the backend reads the whole request on a connection that was
// used before, and closes it without an answer. What is safe to repeat is
// repeated once on a new connection; what is not, is not.
func TestReuseDies(t *testing.T) {
	for _, test := range []struct {
		head   string
		repeat bool
	}{
		{"GET / HTTP/1.1\r\nHost: HOST\r\n\r\n", true},
		{"OPTIONS / HTTP/1.1\r\nHost: HOST\r\n\r\n", true},
		{"POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 5\r\n\r\nhello", false},
		{"POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0\r\n\r\n", false},
		{"PATCH / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", false},
	} {
		t.Run(test.head[:20], func(t *testing.T) {
			t.Parallel()
			s := plain.take(t)
			b := s.backend(t)
			client := s.dial(t)
			client.send(s.fill("GET /first HTTP/1.1\r\nHost: HOST\r\n\r\n"))
			p := b.accept()
			p.request()
			p.send(reply200)
			client.answer("GET")
			client.send(s.fill(test.head))
			p.request()
			_ = p.Close()
			if test.repeat {
				q := b.accept()
				q.request()
				q.send(reply200)
				client.answer("GET").expectStatus(t, 200)
				return
			}
			client.answer("POST").expectStatus(t, 502)
			if n := b.count.Load(); n != 1 {
				t.Errorf("the request came again, on one of %d connections", n)
			}
		})
	}
}

// TestReuseFreshDies: on a new connection that is a failure of the backend,
// and nothing is sent twice.
func TestReuseFreshDies(t *testing.T) {
	for _, method := range []string{"GET", "POST"} {
		for _, abrupt := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, reset %t", method, abrupt), func(t *testing.T) {
				t.Parallel()
				s := plain.take(t)
				b := s.backend(t)
				got := b.serve(func(p *peer, _ *message) bool {
					if abrupt {
						p.reset()
					}
					_ = p.Close()
					return false
				})
				client := s.dial(t)
				client.send(s.fill(method + " / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0\r\n\r\n"))
				client.answer(method).expectStatus(t, 502)
				got.next(t)
				if len(got.requests) > 0 {
					t.Error("the request was sent twice")
				}
			})
		}
	}
}

// TestReuseOtherClients: connections are shared by clients, whatever protocol
// they speak, and not by sites.
func TestReuseOtherClients(t *testing.T) {
	s, other := plain.take(t), plain.take(t)
	b, c := s.backend(t), other.backend(t)
	b.replying(reply200)
	c.replying(strings.Replace(reply200, "ok", "no", 1))
	for _, client := range []client{overHTTP1, overHTTP2, overHTTP3, overHTTP1} {
		if a := client(t, s, "GET", "/"); a.body != "ok" {
			t.Errorf("the client got %s", a)
		}
		if a := client(t, other, "GET", "/"); a.body != "no" {
			t.Errorf("the other client got %s", a)
		}
	}
	if n, m := b.count.Load(), c.count.Load(); n != 1 || m != 1 {
		t.Errorf("4 requests came on %d and %d connections", n, m)
	}
}
