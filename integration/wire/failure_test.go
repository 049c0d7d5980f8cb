package wire

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

var (
	// impatient are sites whose backends have little time.
	impatient = declare(kind{name: "impatient", count: 24, transport: map[string]any{
		"dial_timeout": "500ms", "response_header_timeout": "500ms",
	}})

	// handled are sites of a server with handle_errors.
	handled = declare(kind{name: "handled", count: 8, server: serverErrors, transport: map[string]any{
		"dial_timeout": "500ms", "response_header_timeout": "500ms",
	}})

	// reading are sites where each read from a backend has a limit.
	reading = declare(kind{name: "reading", count: 8, transport: map[string]any{"read_timeout": "500ms"}})

	// full are sites whose backends take one request at a time.
	full = declare(kind{name: "full", count: 8, options: oneAtATime()})

	// handledFull are the same, with handle_errors.
	handledFull = declare(kind{name: "handled-full", count: 4, server: serverErrors, options: oneAtATime()})
)

// oneAtATime are the options of a handler whose backends take one request at a
// time. They replace the default health checks.
func oneAtATime() map[string]any {
	checks := map[string]any{"passive": map[string]any{"unhealthy_request_count": 1, "fail_duration": "1s", "max_fails": 1000}}
	if directive == "load_balance" {
		checks["active"] = map[string]any{"disabled": true}
	}
	return map[string]any{"health_checks": checks}
}

// TestFailureRefused: nobody listens (RFC 9110 §15.6.3).
func TestFailureRefused(t *testing.T) {
	for name, client := range map[string]client{"h1": overHTTP1, "h2": overHTTP2, "h3": overHTTP3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := plain.take(t)
			s.refuse(0)
			a := client(t, s, "GET", "/")
			a.expectStatus(t, 502)
			if a.body != "" {
				t.Errorf("the client got %q", a.body)
			}
			s.expectIdle(t)
			s.expectFailures(t, 1)
		})
	}
}

// TestFailureSlowHead: the head of the response takes too long
// (RFC 9110 §15.6.5).
func TestFailureSlowHead(t *testing.T) {
	for _, begun := range []string{"", "HTTP/1.1 200 OK\r\nX-Leak: ", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"} {
		for _, method := range []string{"GET", "POST"} {
			t.Run(fmt.Sprintf("after %.12q, %s", begun, method), func(t *testing.T) {
				t.Parallel()
				s := impatient.take(t)
				b := s.backend(t)
				client := s.dial(t)
				start := time.Now()
				client.send(s.fill(method + " / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0\r\n\r\n"))
				p := b.accept()
				p.request()
				p.send(begun)
				a := client.answer(method)
				a.expectStatus(t, 504)
				if took := time.Since(start); took < 400*time.Millisecond || took > 3*time.Second {
					t.Errorf("it took %s, want about 500ms", took)
				}
				p.expectClosed()
				s.expectIdle(t)
				s.expectFailures(t, 1)
			})
		}
	}
}

// TestFailureDrip: a head that comes byte by byte gets no more time.
func TestFailureDrip(t *testing.T) {
	s := impatient.take(t)
	b := s.backend(t)
	client := s.dial(t)
	client.send(s.fill("GET / HTTP/1.1\r\nHost: HOST\r\n\r\n"))
	p := b.accept()
	p.request()
	go func() {
		for i := 0; p.sendPieces("HTTP/1.1 200 OK\r\nX-Leak: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"[i:i+1], 1) == nil && i < 50; i++ {
			time.Sleep(100 * time.Millisecond) // the drip
		}
	}()
	start := time.Now()
	client.answer("GET").expectStatus(t, 504)
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("it took %s", took)
	}
}

// TestFailureSlowUpload: the time for the head counts from the end of the
// request; a client may take its own.
func TestFailureSlowUpload(t *testing.T) {
	s := impatient.take(t)
	b := s.backend(t)
	client := s.dial(t)
	client.send(s.fill("POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 12\r\n\r\n"))
	p := b.accept()
	m := p.head()
	go func() {
		for range 4 {
			time.Sleep(250 * time.Millisecond) // the slow client
			_ = client.sendPieces("abc", 3)
		}
	}()
	if err := m.readBody(p.r, false); err != nil {
		t.Fatalf("the backend got %q, %v", m.body, err)
	}
	p.send(reply200)
	client.answer("POST").expectStatus(t, 200)
}

// TestFailureSlowBody: the limits for the head say nothing about the body.
func TestFailureSlowBody(t *testing.T) {
	s := impatient.take(t)
	b := s.backend(t)
	client := s.dial(t)
	client.send(s.fill("GET / HTTP/1.1\r\nHost: HOST\r\n\r\n"))
	p := b.accept()
	p.request()
	p.send(headOK + "Content-Length: 2\r\n\r\n")
	time.Sleep(800 * time.Millisecond) // longer than the limit for the head
	p.send("hi")
	if a := client.answer("GET"); a.status != 200 || a.body != "hi" {
		t.Errorf("the client got %s", a)
	}
}

// TestFailureReadTimeout: a body that stops coming is cut, and looks so.
func TestFailureReadTimeout(t *testing.T) {
	s := reading.take(t)
	b := s.backend(t)
	client := s.dial(t)
	client.send(s.fill("GET / HTTP/1.1\r\nHost: HOST\r\n\r\n"))
	p := b.accept()
	p.request()
	p.send(headOK + "Content-Length: 10\r\n\r\nhello")
	start := time.Now()
	if a := client.readAnswer("GET"); a.complete || a.body != "hello" {
		t.Errorf("the client got %s", a)
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("it took %s", took)
	}
	p.expectClosed()
}

// TestFailureFull: no backend accepts the request (RFC 9110 §15.6.4).
func TestFailureFull(t *testing.T) {
	for _, k := range []*kind{full, handledFull} {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			s := k.take(t)
			b := s.backend(t)
			first := s.dial(t)
			first.send(s.fill("GET /first HTTP/1.1\r\nHost: HOST\r\n\r\n"))
			p := b.accept()
			p.request()
			second := s.dial(t)
			second.send(s.fill("GET /second HTTP/1.1\r\nHost: HOST\r\n\r\n"))
			a := second.answer("GET")
			a.expectStatus(t, 503)
			if v := a.values("Retry-After"); len(v) != 1 || strings.Trim(v[0], "0123456789") != "" || v[0] == "" {
				t.Errorf("the client got Retry-After %q", v)
			}
			p.send(reply200)
			first.answer("GET").expectStatus(t, 200)
			if n := b.count.Load(); n != 1 {
				t.Errorf("%d connections came", n)
			}
		})
	}
}

// TestFailureHandled: handle_errors renders every failure.
func TestFailureHandled(t *testing.T) {
	for _, test := range []struct {
		status int
		play   func(p *peer)
	}{
		{502, nil},
		{502, func(p *peer) { p.send("leak\r\n\r\n") }},
		{502, func(p *peer) { p.send("HTTP/1.1 200 OK\r\nX-Leak: 1\r\nContent-Length: x\r\n\r\nleak") }},
		{504, func(*peer) {}},
	} {
		t.Run(fmt.Sprint(test.status, test.play == nil), func(t *testing.T) {
			t.Parallel()
			s := handled.take(t)
			client := s.dial(t)
			if test.play == nil {
				s.refuse(0)
			} else {
				b := s.backend(t)
				b.serve(func(p *peer, _ *message) bool { test.play(p); return true })
			}
			client.send(s.fill("GET / HTTP/1.1\r\nHost: HOST\r\n\r\n"))
			a := client.answer("GET")
			a.expectStatus(t, test.status)
			if want := fmt.Sprintf("handled %d", test.status); a.body != want || len(a.values("X-Handled")) != 1 {
				t.Errorf("the client got %q, want %q", a.body, want)
			}
			if leak := leaked(a); leak != "" {
				t.Errorf("the client got %s", leak)
			}
		})
	}
}
