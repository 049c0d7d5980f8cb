package wire

import (
	"slices"
	"strings"
	"testing"
)

// TestRequestMethod: methods go on as they are, with or without a body
// (RFC 9110 §9), and the body has the framing that the client chose.
func TestRequestMethod(t *testing.T) {
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND", "QUERY", "X-CUSTOM", "get", "!#$%&'*+-.^_`|~9"} {
		for _, body := range []struct{ name, head, body, length string }{
			{"no body", "\r\n", "", ""},
			{"length", "Content-Length: 5\r\n\r\nhello", "hello", "5"},
			{"chunked", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "hello", ""},
			{"empty", "Content-Length: 0\r\n\r\n", "", "0"},
		} {
			t.Run(method+", "+body.name, func(t *testing.T) {
				t.Parallel()
				m, a := plain.take(t).exchange(t, method+" /m HTTP/1.1\r\nHost: HOST\r\n"+body.head, method)
				if want := method + " /m HTTP/1.1"; m.start != want {
					t.Errorf("the backend got %q, want %q", m.start, want)
				}
				if m.body != body.body {
					t.Errorf("the backend got the body %q, want %q", m.body, body.body)
				}
				if want := body.name == "chunked"; m.chunked != want {
					t.Errorf("the backend got the body chunked: %t, want %t", m.chunked, want)
				}
				length := strings.Join(m.values("Content-Length"), ",")
				if length != body.length && (length != "" && length != "0" || body.body != "") {
					t.Errorf("the backend got Content-Length %q, want %q", length, body.length)
				}
				a.expectStatus(t, 200)
			})
		}
	}
}

// TestRequestEmptyPost: a POST without a body says so (RFC 9110 §8.6).
func TestRequestEmptyPost(t *testing.T) {
	for _, method := range []string{"POST", "PUT", "PATCH"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			m, _ := plain.take(t).exchange(t, method+" / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0\r\n\r\n", method)
			if got := m.values("Content-Length"); !slices.Equal(got, []string{"0"}) {
				t.Errorf("the backend got Content-Length %q", got)
			}
		})
	}
}

// TestRequestTrace: TRACE is passed on without anything secret, or refused
// (RFC 9110 §9.3.8).
func TestRequestTrace(t *testing.T) {
	s := plain.take(t)
	got := s.backend(t).replying(reply200)
	client := s.dial(t)
	client.send(s.fill("TRACE / HTTP/1.1\r\nHost: HOST\r\nMax-Forwards: 3\r\n\r\n"))
	a := client.answer("TRACE")
	switch a.status {
	case 405, 501:
	case 200:
		if m := got.next(t); m.start != "TRACE / HTTP/1.1" {
			t.Errorf("the backend got %q", m.start)
		}
	default:
		t.Errorf("got status %d", a.status)
	}
}

// TestRequestConnect: a tunnel to anywhere is not what a load balancer offers
// (RFC 9110 §9.3.6).
func TestRequestConnect(t *testing.T) {
	for _, target := range []string{"HOST", "HOST:80", "HOST:443", "127.0.0.1:22", "/", "http://HOST/"} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			for _, more := range []string{"", "Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", "Connection: Upgrade\r\nUpgrade: websocket\r\n"} {
				want := []int{405}
				if strings.HasPrefix(target, "http") {
					want = []int{400, 405} // no form that CONNECT has
				}
				alone.take(t).refused(t, "CONNECT "+target+" HTTP/1.1\r\nHost: HOST\r\n"+more+"\r\n", want...)
			}
		})
	}
}

// TestRequestOptionsAsterisk: a request to the server as a whole is answered
// by Caddy, or goes on as it is (RFC 9112 §3.2.4).
func TestRequestOptionsAsterisk(t *testing.T) {
	s := alone.take(t)
	got := s.backend(t).replying(reply200)
	client := s.dial(t)
	client.send(s.fill("OPTIONS * HTTP/1.1\r\nHost: HOST\r\n\r\n"))
	if a := client.answer("OPTIONS"); a.status/100 != 2 {
		t.Errorf("got status %d", a.status)
	}
	if len(got.requests) > 0 {
		if m := got.next(t); m.start != "OPTIONS * HTTP/1.1" {
			t.Errorf("the backend got %q", m.start)
		}
	}
}

// TestRequestAsteriskOnlyForOptions: see above.
func TestRequestAsteriskOnlyForOptions(t *testing.T) {
	alone.take(t).refused(t, "GET * HTTP/1.1\r\nHost: HOST\r\n\r\n", 400)
}

// TestRequestMaxForwards: TRACE and OPTIONS are forwarded as often as they
// allow, and are answered here when that is not at all (RFC 9110 §7.6.2).
func TestRequestMaxForwards(t *testing.T) {
	for _, test := range []struct{ method, sent, want string }{
		{"OPTIONS", "5", "4"},
		{"OPTIONS", "010", "9"},
		{"TRACE", "1", "0"},
		{"GET", "0", "0"},
		{"OPTIONS", "x", "x"},
		{"OPTIONS", "-1", "-1"},
	} {
		t.Run(test.method+" "+test.sent, func(t *testing.T) {
			t.Parallel()
			m, _ := plain.take(t).exchange(t, test.method+" / HTTP/1.1\r\nHost: HOST\r\nMax-Forwards: "+test.sent+"\r\n\r\n", test.method)
			if got := m.values("Max-Forwards"); !slices.Equal(got, []string{test.want}) {
				t.Errorf("the backend got Max-Forwards %q, want %q", got, test.want)
			}
		})
	}
	for method, want := range map[string]int{"OPTIONS": 200, "TRACE": 405} {
		t.Run(method+" 0", func(t *testing.T) {
			t.Parallel()
			s := plain.take(t)
			b := s.backend(t)
			client := s.dial(t)
			for range 2 {
				client.send(s.fill(method + " / HTTP/1.1\r\nHost: HOST\r\nMax-Forwards: 0\r\n\r\n"))
				a := client.answer(method)
				a.expectStatus(t, want)
				if allow := a.values("Allow"); len(allow) != 1 {
					t.Errorf("the client got Allow %q", allow)
				}
			}
			b.expectNothing()
		})
	}
}
