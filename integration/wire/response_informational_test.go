package wire

import (
	"slices"
	"strings"
	"testing"
)

// TestResponseInformational: 1xx go on to the client before the response
// (RFC 9110 §15.2), without what is for the proxy.
func TestResponseInformational(t *testing.T) {
	const hints = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n"
	tests := []struct {
		name, sent string
		want       []string // beginnings of what the client gets
		without    string   // what none of them has
	}{
		{"103", hints + "\r\n", []string{"103 link: </a.css>; rel=preload"}, ""},
		{"two 103", hints + "\r\n" + hints + "X-A: 1\r\n\r\n", []string{"103 link", "103 link"}, ""},
		{"102", "HTTP/1.1 102 Processing\r\n\r\n", []string{"102 "}, ""},
		{"199", "HTTP/1.1 199 Odd\r\nX-A: 1\r\n\r\n", []string{"199 "}, ""},
		{"103 with hop-by-hop fields", hints + "Connection: X-Hop, keep-alive\r\nX-Hop: 1\r\nKeep-Alive: 1\r\nUpgrade: h2c\r\n\r\n", []string{"103 "}, "hop"},
		{"103 with Keep-Alive", hints + "Keep-Alive: 1\r\n\r\n", []string{"103 "}, "keep-alive"},
	}
	for _, test := range tests {
		for name, client := range map[string]client{"h1": overHTTP1, "h2": overHTTP2} {
			t.Run(test.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				s := plain.take(t)
				s.backend(t).replying(test.sent + reply200)
				a := client(t, s, "GET", "/")
				a.expectStatus(t, 200)
				a.expectFields(t, "Via: 1.1 Caddy", "Content-Type: text/plain", "Content-Length: 2")
				if len(a.informational) != len(test.want) {
					t.Fatalf("the client got %q, want %q", a.informational, test.want)
				}
				for i, got := range a.informational {
					status, fields, _ := strings.Cut(test.want[i], " ")
					if !strings.HasPrefix(got, status+" ") || !strings.Contains(got, fields) {
						t.Errorf("the client got %q, want %q", got, test.want[i])
					}
					if test.without != "" && strings.Contains(got, test.without) {
						t.Errorf("the client got %q, with %q", got, test.without)
					}
				}
			})
		}
	}
}

// TestResponseInformationalFraming: a 1xx ends with its header, whatever that
// says (RFC 9112 §6.3); or it is refused, since it must not say so.
func TestResponseInformationalFraming(t *testing.T) {
	for _, field := range []string{"Content-Length: 4", "Content-Length: 0", "Transfer-Encoding: chunked"} {
		t.Run(field, func(t *testing.T) {
			t.Parallel()
			s := plain.take(t)
			s.backend(t).replying("HTTP/1.1 103 Early Hints\r\n" + field + "\r\n\r\n" + reply200)
			a := overHTTP1(t, s, "GET", "/")
			if a.status == 502 {
				return
			}
			a.expectStatus(t, 200)
			if a.body != "ok" || strings.Contains(strings.Join(a.informational, ""), strings.ToLower(field)) {
				t.Errorf("the client got %s", a)
			}
		})
	}
}

// TestResponseContinueUnasked: a client that did not ask for 100 can do
// without it, but must get the response.
func TestResponseContinueUnasked(t *testing.T) {
	for _, n := range []int{1, 3} {
		s := plain.take(t)
		s.backend(t).replying(strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", n) + reply200)
		a := overHTTP1(t, s, "GET", "/")
		a.expectStatus(t, 200)
		if a.body != "ok" {
			t.Errorf("the client got %s", a)
		}
	}
}

// TestResponseInformationalTimely: a 103 is not held back until the response.
func TestResponseInformationalTimely(t *testing.T) {
	s := plain.take(t)
	b := s.backend(t)
	client := s.dial(t)
	client.send(s.fill("GET / HTTP/1.1\r\nHost: HOST\r\n\r\n"))
	p := b.accept()
	p.request()
	p.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
	if m := client.head(); !strings.HasPrefix(m.start, "HTTP/1.1 103 ") || !slices.Contains(canonical(m.fields), "link: </a>") {
		t.Errorf("the client got %q %q", m.start, m.fields)
	}
	p.send(reply200)
	client.answer("GET").expectStatus(t, 200)
}

// TestResponseInformationalBad: what follows a 1xx is judged as ever, there are
// not too many, and protocols are not switched unasked.
func TestResponseInformationalBad(t *testing.T) {
	flood := strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 3000)
	huge := strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: <"+strings.Repeat("x", 64<<10)+">\r\n\r\n", 40)
	tests := []responseCase{
		{name: "flood", reply: flood + reply200},
		{name: "flood of 100", reply: strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 5000) + reply200},
		{name: "flood of bytes", reply: huge + reply200},
		{name: "malformed", reply: "HTTP/1.1 103 Early Hints\r\nX A: leak\r\n\r\n" + reply200},
		{name: "with NUL", reply: "HTTP/1.1 103 Early Hints\r\nX-A: leak\x00\r\n\r\n" + reply200},
		{name: "malformed response after it", reply: "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 2000 OK\r\n\r\n"},
		{name: "101 unasked", reply: "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nleak"},
		{name: "101 unasked, of nothing", reply: "HTTP/1.1 101 Switching Protocols\r\n\r\nleak"},
		{name: "101 unasked after 103", reply: "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\nleak"},
	}
	for i := range tests {
		tests[i].want, tests[i].conn = refused, closed
	}
	tests = append(tests, responseCase{name: "nothing after it", reply: "HTTP/1.1 103 Early Hints\r\n\r\n", end: finishes, want: refused})
	runResponses(t, tests)
}
