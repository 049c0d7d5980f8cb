package wire

import (
	"strings"
	"testing"
	"time"
)

// expectHead is a request that waits for leave to send its body.
const expectHead = "POST / HTTP/1.1\r\nHost: HOST\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"

// TestExpectAccepted: the backend's 100 lets the client go on, once
// (RFC 9110 §10.1.1).
func TestExpectAccepted(t *testing.T) {
	s := plain.take(t)
	b := s.backend(t)
	client := s.dial(t)
	client.send(s.fill(expectHead))
	p := b.accept()
	m := p.head()
	p.send("HTTP/1.1 100 Continue\r\n\r\n")
	if h := client.head(); !strings.HasPrefix(h.start, "HTTP/1.1 100 ") {
		t.Fatalf("the client got %q", h.start)
	}
	client.send("hello")
	if err := m.readBody(p.r, false); err != nil || m.body != "hello" {
		t.Errorf("the backend got %q, %v", m.body, err)
	}
	p.send(reply200)
	a := client.answer("POST")
	a.expectStatus(t, 200)
	if len(a.informational) > 0 {
		t.Errorf("the client got more than one 100: %q", a.informational)
	}
}

// TestExpectRefused: the backend's final answer reaches a client that still
// waits, and the backend never gets a body that the client did not send.
func TestExpectRefused(t *testing.T) {
	for _, status := range []string{"417 Expectation Failed", "401 Unauthorized", "413 Content Too Large", "200 OK", "302 Found"} {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			s := plain.take(t)
			b := s.backend(t)
			client := s.dial(t)
			client.send(s.fill(expectHead))
			p := b.accept()
			p.head()
			p.send("HTTP/1.1 " + status + "\r\nContent-Type: a/b\r\nContent-Length: 2\r\n\r\nno")
			start := time.Now()
			a := client.answer("POST")
			if a.status != mustStatus(t, status) || a.body != "no" {
				t.Errorf("the client got %d %q", a.status, a.body)
			}
			if len(a.informational) > 0 && status[0] != '2' {
				t.Errorf("the client was asked for its body nevertheless: %q", a.informational)
			}
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("the answer took %s", took)
			}
			_ = client.Close()
			if rest, err := p.drainUntilClosed(3 * time.Second); err != nil || rest != "" {
				t.Errorf("the backend then got %q, %v; its connection is not clean", rest, err)
			}
			s.expectIdle(t)
			s.expectFailures(t, 0)
		})
	}
}

// TestExpectIgnored: a backend that never says 100 gets the body all the same
// after a moment, or at once when the client sends it unasked.
func TestExpectIgnored(t *testing.T) {
	for _, unasked := range []bool{false, true} {
		name := map[bool]string{false: "the client waits", true: "the client sends unasked"}[unasked]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := plain.take(t)
			b := s.backend(t)
			client := s.dial(t)
			client.send(s.fill(expectHead))
			if unasked {
				client.send("hello")
			}
			answered := make(chan *answer, 1)
			go func() {
				if !unasked {
					if m, err := readHead(client.r); err != nil || !strings.HasPrefix(m.start, "HTTP/1.1 100 ") {
						t.Errorf("the client got %q, %v", m.start, err)
					}
					_ = client.sendPieces("hello", 5)
				}
				answered <- client.readAnswer("POST")
			}()
			p := b.accept()
			m := p.request()
			if m.body != "hello" {
				t.Errorf("the backend got %q", m.body)
			}
			p.send(reply200)
			(<-answered).expectStatus(t, 200)
		})
	}
}

// TestExpectAmongHints: 100 goes to the client in turn with other interim
// responses, which come at the same time.
func TestExpectAmongHints(t *testing.T) {
	const hints = 10
	s := plain.take(t)
	b := s.backend(t)
	client := s.dial(t)
	last := strings.Replace(reply200, "\r\n", "\r\nConnection: close\r\n", 1)
	for i := range 50 {
		client.send(s.fill("POST / HTTP/1.1\r\nHost: HOST\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"))
		p := b.accept()
		p.head()
		p.send("HTTP/1.1 100 Continue\r\n\r\n" + strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", hints))
		continues := 0
		for range 1 + hints {
			switch h := client.head(); {
			case strings.HasPrefix(h.start, "HTTP/1.1 100 ") && len(h.fields) == 0:
				continues++
			case !strings.HasPrefix(h.start, "HTTP/1.1 103 ") || len(h.values("Link")) != 1:
				t.Fatalf("request %d: the client got %q %q", i, h.start, h.fields)
			}
		}
		if continues != 1 {
			t.Fatalf("request %d: the client got 100 %d times", i, continues)
		}
		client.send("hello")
		p.expect("hello")
		p.send(last)
		client.answer("POST").expectStatus(t, 200)
	}
}

// TestExpectUnknown: an expectation that nobody knows is refused, or passed on
// for the backend to decide.
func TestExpectUnknown(t *testing.T) {
	s := plain.take(t)
	got := s.backend(t).replying(reply200)
	client := s.dial(t)
	client.send(s.fill("POST / HTTP/1.1\r\nHost: HOST\r\nExpect: tea\r\nContent-Length: 2\r\n\r\nhi"))
	switch a := client.readAnswer("POST"); a.status {
	case 417:
	case 200:
		if m := got.next(t); len(m.values("Expect")) != 1 {
			t.Errorf("the backend got %q", m.fields)
		}
	default:
		t.Errorf("got status %d", a.status)
	}
}

// TestExpectWithoutBody: nothing is waited for when there is no body.
func TestExpectWithoutBody(t *testing.T) {
	for _, head := range []string{"GET / HTTP/1.1\r\nHost: HOST\r\nExpect: 100-continue\r\n\r\n", "POST / HTTP/1.1\r\nHost: HOST\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n"} {
		t.Run(head[:4], func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			_, a := plain.take(t).exchange(t, head, "GET")
			a.expectStatus(t, 200)
			if took := time.Since(start); took > 900*time.Millisecond {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// TestExpectOldClient: HTTP/1.0 has no 100 (RFC 9110 §10.1.1).
func TestExpectOldClient(t *testing.T) {
	s := plain.take(t)
	client := s.dial(t)
	b := s.backend(t)
	client.send(s.fill("POST / HTTP/1.0\r\nHost: HOST\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi"))
	p := b.accept()
	if m := p.request(); m.body != "hi" {
		t.Errorf("the backend got %q", m.body)
	}
	p.send(reply200)
	a := client.answer("POST")
	a.expectStatus(t, 200)
	if len(a.informational) > 0 {
		t.Errorf("the client got %q", a.informational)
	}
}

// mustStatus parses the number at the start of a status text.
func mustStatus(t testing.TB, text string) int {
	t.Helper()
	n, err := parseStatus("HTTP/1.1 " + text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
