package wire

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// TestHTTP2Request covers how requests of HTTP/2 become those of HTTP/1.1.
func TestHTTP2Request(t *testing.T) {
	tests := []struct {
		name  string
		path  string
		sent  []field
		want  []string
		start string
	}{
		{"plain", "/a?b", []field{{"x-a", "1"}}, []string{"X-A: 1"}, "GET /a?b HTTP/1.1"},
		{"cookies are joined", "/", []field{{"cookie", "a=1"}, {"cookie", "b=2; c=3"}}, []string{"Cookie: a=1; b=2; c=3"}, ""},
		{"order of one name", "/", []field{{"x-d", "b"}, {"x-e", "1"}, {"x-d", "a"}}, []string{"X-D: b", "X-D: a", "X-E: 1"}, ""},
		{"TE", "/", []field{{"te", "trailers"}}, []string{"TE: trailers"}, ""},
		{"empty value", "/", []field{{"x-e", ""}}, []string{"X-E:"}, ""},
		{"bytes above 0x7f", "/", []field{{"x-l", "caf\xe9"}}, []string{"X-L: caf\xe9"}, ""},
		{"odd path", "//a/../%2F?", nil, nil, "GET //a/../%2F? HTTP/1.1"},
		{"spoofed", "/", []field{{"x-forwarded-for", "6.6.6.6"}, {"x-forwarded-proto", "https"}, {"x-forwarded-host", "e.example"}}, nil, ""},
		{"Via", "/", []field{{"via", "1.0 fred"}}, []string{"Via: 1.0 fred, 2.0 Caddy"}, ""},
		{"HTTP2-Settings", "/", []field{{"http2-settings", "AAMAAABkAAQAAP__"}}, nil, ""},
		{"Proxy-Authorization", "/", []field{{"proxy-authorization", "Basic x"}}, nil, ""},
		{"a field named Trailer without a body", "/", []field{{"trailer", "x-t"}}, nil, ""},
		{"the length of nothing", "/", []field{{"content-length", "0"}}, nil, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := plain.take(t)
			got := s.backend(t).replying(reply200)
			f := s.http2Frames(t)
			f.headers(1, true, append(s.pseudo("GET", test.path), test.sent...)...)
			f.readAnswer(1).expectStatus(t, 200)
			m := got.next(t)
			want := append([]string{"Via: 2.0 Caddy"}, test.want...)
			if names(test.want, "Via") {
				want = test.want
			}
			if names(test.want, "TE") && names(m.fields, "Connection") {
				want = append(want, "Connection: TE")
			}
			m.expectFields(t, s.baseFields(), want)
			if test.start != "" && m.start != test.start {
				t.Errorf("the backend got %q, want %q", m.start, test.start)
			}
		})
	}
}

// TestHTTP2Body covers bodies: with a length they keep it, without they are
// chunked, and trailers follow.
func TestHTTP2Body(t *testing.T) {
	tests := []struct {
		name     string
		sent     []field
		trailers []field
		length   string
		want     []string // trailers
	}{
		{"length", []field{{"content-length", "5"}}, nil, "5", nil},
		{"no length", nil, nil, "", nil},
		{"trailers", []field{{"trailer", "x-t"}}, []field{{"x-t", "a"}}, "", []string{"X-T: a"}},
		{"forbidden trailers", []field{{"trailer", "x-t, x-forwarded-for"}}, []field{{"x-t", "a"}, {"via", "1.0 evil"}, {"x-forwarded-for", "6.6.6.6"}}, "", []string{"X-T: a"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := plain.take(t)
			got := s.backend(t).replying(reply200)
			f := s.http2Frames(t)
			f.headers(1, false, append(s.pseudo("POST", "/"), test.sent...)...)
			f.data(1, false, "hel")
			f.data(1, test.trailers == nil, "lo")
			if test.trailers != nil {
				f.headers(1, true, test.trailers...)
			}
			f.readAnswer(1).expectStatus(t, 200)
			m := got.next(t)
			if m.body != "hello" || strings.Join(m.values("Content-Length"), ",") != test.length || m.chunked == (test.length != "") {
				t.Errorf("the backend got %q %q", m.fields, m.body)
			}
			if got := canonical(m.trailers); !slices.Equal(got, canonical(test.want)) {
				t.Errorf("the backend got the trailers %q, want %q", got, test.want)
			}
		})
	}
}

// TestHTTP2Malformed: a malformed request (RFC 9113 §8.1.1) is refused, by an
// error of the stream or a status, and reaches no backend.
func TestHTTP2Malformed(t *testing.T) {
	with := func(more ...field) []field { return more }
	tests := []struct {
		name   string
		fields func(s *site) []field
	}{
		{"connection", func(s *site) []field { return append(s.pseudo("GET", "/"), field{"connection", "close"}) }},
		{"connection names a field", func(s *site) []field { return append(s.pseudo("GET", "/"), field{"connection", "x-forwarded-for"}) }},
		{"keep-alive", func(s *site) []field { return append(s.pseudo("GET", "/"), field{"keep-alive", "1"}) }},
		{"proxy-connection", func(s *site) []field { return append(s.pseudo("GET", "/"), field{"proxy-connection", "x"}) }},
		{"transfer-encoding", func(s *site) []field { return append(s.pseudo("POST", "/"), field{"transfer-encoding", "chunked"}) }},
		{"upgrade", func(s *site) []field { return append(s.pseudo("GET", "/"), field{"upgrade", "h2c"}) }},
		{"te", func(s *site) []field { return append(s.pseudo("GET", "/"), field{"te", "gzip"}) }},
		{"upper case", func(s *site) []field { return append(s.pseudo("GET", "/"), field{"X-A", "1"}) }},
		{"CRLF in a value", func(s *site) []field { return append(s.pseudo("GET", "/"), field{"x-a", "1\r\nx-smuggled: 1"}) }},
		{"LF in a value", func(s *site) []field { return append(s.pseudo("GET", "/"), field{"x-a", "1\nx-smuggled: 1"}) }},
		{"CR in a value", func(s *site) []field { return append(s.pseudo("GET", "/"), field{"x-a", "1\rx"}) }},
		{"NUL in a value", func(s *site) []field { return append(s.pseudo("GET", "/"), field{"x-a", "1\x00"}) }},
		{"CRLF in a name", func(s *site) []field { return append(s.pseudo("GET", "/"), field{"x-a: 1\r\nx-b", "1"}) }},
		{"colon in a name", func(s *site) []field { return append(s.pseudo("GET", "/"), field{"x:a", "1"}) }},
		{"space in a name", func(s *site) []field { return append(s.pseudo("GET", "/"), field{"x a", "1"}) }},
		{"empty name", func(s *site) []field { return append(s.pseudo("GET", "/"), field{"", "1"}) }},
		{"unknown pseudo-header", func(s *site) []field { return append(s.pseudo("GET", "/"), field{":x", "1"}) }},
		{"pseudo-header after others", func(s *site) []field {
			return with(field{":method", "GET"}, field{":scheme", "http"}, field{"x-a", "1"}, field{":path", "/"}, field{":authority", s.host})
		}},
		{"two paths", func(s *site) []field {
			return with(field{":method", "GET"}, field{":scheme", "http"}, field{":path", "/"}, field{":path", "/b"}, field{":authority", s.host})
		}},
		{"no method", func(s *site) []field {
			return with(field{":scheme", "http"}, field{":path", "/"}, field{":authority", s.host})
		}},
		{"no path", func(s *site) []field {
			return with(field{":method", "GET"}, field{":scheme", "http"}, field{":authority", s.host})
		}},
		{"no scheme", func(s *site) []field {
			return with(field{":method", "GET"}, field{":path", "/"}, field{":authority", s.host})
		}},
		{"empty path", func(s *site) []field { return s.pseudo("GET", "") }},
		{"relative path", func(s *site) []field { return s.pseudo("GET", "a") }},
		{"space in the path", func(s *site) []field { return s.pseudo("GET", "/ HTTP/1.1") }},
		{"CRLF in the path", func(s *site) []field { return s.pseudo("GET", "/ HTTP/1.1\r\nHost: x\r\n\r\nGET /") }},
		{"fragment in the path", func(s *site) []field { return s.pseudo("GET", "/#a") }},
		{"absolute path", func(s *site) []field { return s.pseudo("GET", "http://evil.example/") }},
		{"asterisk", func(s *site) []field { return s.pseudo("GET", "*") }},
		{"space in the method", func(s *site) []field { return s.pseudo("GET /x HTTP/1.1\r\nX:", "/") }},
		{"empty method", func(s *site) []field { return s.pseudo("", "/") }},
		{"status in a request", func(s *site) []field { return append([]field{{":status", "200"}}, s.pseudo("GET", "/")...) }},
		{"CRLF in the authority", func(s *site) []field {
			return with(field{":method", "GET"}, field{":scheme", "http"}, field{":path", "/"}, field{":authority", s.host + "\r\nX-A: 1"})
		}},
		{"another host", func(s *site) []field { return append(s.pseudo("GET", "/"), field{"host", "evil.example"}) }},
		{"two lengths", func(s *site) []field {
			return append(s.pseudo("POST", "/"), field{"content-length", "0"}, field{"content-length", "1"})
		}},
		{"negative length", func(s *site) []field { return append(s.pseudo("POST", "/"), field{"content-length", "-1"}) }},
		{"a length of nothing", func(s *site) []field { return append(s.pseudo("POST", "/"), field{"content-length", "5"}) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := plain.take(t)
			got := s.backend(t).replying(reply200)
			f := s.http2Frames(t)
			_ = f.SetReadDeadline(time.Now().Add(patience / 2))
			f.headers(1, true, test.fields(s)...)
			a := f.readAnswer(1)
			if len(got.requests) > 0 {
				m := got.next(t)
				if test.name == "another host" && slices.Equal(m.values("Host"), []string{s.host}) {
					return // :authority is what counts (RFC 9113 §8.3.1)
				}
				t.Fatalf("the backend got %q %q", m.start, m.fields)
			}
			if a.err != nil && strings.Contains(a.err.Error(), "timeout") || a.status/100 == 2 || a.status >= 500 {
				t.Errorf("the client got %s", a)
			}
		})
	}
}

// TestHTTP2Smuggling: a body that is not as long as it says never arrives as a
// complete request, nor a part of it as another (RFC 9113 §8.1.1).
func TestHTTP2Smuggling(t *testing.T) {
	const next = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	for _, test := range []struct{ name, length, body string }{
		{"longer than 0", "0", next},
		{"longer than its length", "3", "abc" + next},
		{"shorter than its length", "100", next},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := plain.take(t)
			got := s.backend(t).replying(reply200)
			f := s.http2Frames(t)
			f.headers(1, false, append(s.pseudo("POST", "/"), field{"content-length", test.length})...)
			f.data(1, true, test.body)
			if a := f.readAnswer(1); a.status == 200 && a.complete && test.length != "3" && test.length != "0" {
				t.Errorf("the client got %s", a)
			}
			for len(got.requests) > 0 {
				m := got.next(t)
				if strings.Contains(m.start, "smuggled") || test.length == "100" || len(m.body) > 3 {
					t.Errorf("the backend got %q %q %q", m.start, m.fields, m.body)
				}
			}
			s.expectIdle(t)
			s.expectFailures(t, 0)
		})
	}
}
