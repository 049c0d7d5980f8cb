package wire

import (
	"strings"
	"testing"
)

// alone are sites with a port of their own.
var alone = declare(kind{name: "alone", count: 40, alone: true})

// TestRequestTarget: path and query go on as they came (RFC 9110 §7.7: a proxy
// must not rewrite them).
func TestRequestTarget(t *testing.T) {
	for _, target := range []string{
		"/", "//", "//a//b/", "/a/./b/../c", "/../../etc/passwd", "/%2e%2e/%2F%5c", "/a%20b", "/%41", "/%e2%82%ac", "/%C3%A9", "/%c3%a9",
		"/?", "/a?", "/?a", "/?a=1&&b", "/?a=%zz", "/?a=b;c=d", "/a?b?c", "/?%00", "/?a+b=c+d&a+b", "/?q=http://x/y?z", "/?=&=",
		"/;a=b", "/a;b/c;d=e,f", "/a:b@c", "/!$&'()*+,=~-._", "/[a]", "/a|b", "/a^b", "/a\"b", "/a<b>", "/a\\b", "/a`b", "/a{b}c",
		"/{http.request.host}", "/?{env.PATH}={file./etc/hostname}", "/%", "/*", "/a%2", "/http://x/",
		"/" + strings.Repeat("long/", 1600), "/?" + strings.Repeat("q=1&", 2000),
	} {
		t.Run(target[:min(len(target), 40)], func(t *testing.T) {
			t.Parallel()
			s := plain.take(t)
			if badEscape(target) {
				s.refused(t, "GET "+target+" HTTP/1.1\r\nHost: HOST\r\n\r\n", 400)
				return
			}
			m, a := s.exchange(t, "GET "+target+" HTTP/1.1\r\nHost: HOST\r\n\r\n", "GET")
			if want := "GET " + target + " HTTP/1.1"; m.start != want {
				t.Errorf("the backend got %q, want %q", m.start, want)
			}
			a.expectStatus(t, 200)
		})
	}
}

// TestRequestTargetSlashes: net/http cannot send a path as it is that begins
// with two slashes and has a byte that should have been escaped. It is escaped
// then, and what was escaped stays so.
func TestRequestTargetSlashes(t *testing.T) {
	for target, escaped := range map[string]string{
		"//a|b%2fc%2e%41?|": "//a%7Cb%2fc%2e%41?|", "//a%2f..%2f{b}": "//a%2f..%2f%7Bb%7D", "//caf\xe9%25": "//caf%E9%25",
	} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			m, a := plain.take(t).exchange(t, "GET "+target+" HTTP/1.1\r\nHost: HOST\r\n\r\n", "GET")
			if m.start != "GET "+escaped+" HTTP/1.1" && m.start != "GET "+target+" HTTP/1.1" {
				t.Errorf("the backend got %q, want %q", m.start, escaped)
			}
			a.expectStatus(t, 200)
		})
	}
}

// badEscape reports whether the path has a percent sign that begins no
// escape, which Caddy's server refuses.
func badEscape(target string) bool {
	path, _, _ := strings.Cut(target, "?")
	return strings.HasSuffix(path, "%") || strings.HasSuffix(path, "%2")
}

// TestRequestTargetForms covers the other forms of request targets
// (RFC 9112 §3.2).
func TestRequestTargetForms(t *testing.T) {
	tests := []struct {
		name, line, host string
		want             string // request line at the backend
		wantHost         string
	}{
		{"absolute", "GET http://HOST/a?b HTTP/1.1", "HOST", "GET /a?b HTTP/1.1", "HOST"},
		{"absolute, no path", "GET http://HOST HTTP/1.1", "HOST", "GET / HTTP/1.1", "HOST"},
		{"absolute, query without path", "GET http://HOST?a=b HTTP/1.1", "HOST", "GET /?a=b HTTP/1.1", "HOST"},
		{"absolute, another Host field", "GET http://a.example/ HTTP/1.1", "b.example", "GET / HTTP/1.1", "a.example"},
		{"absolute, https", "GET https://a.example/x HTTP/1.1", "a.example", "GET /x HTTP/1.1", "a.example"},
		{"absolute, port", "GET http://a.example:81/x HTTP/1.1", "a.example", "GET /x HTTP/1.1", "a.example:81"},
		{"absolute, odd path", "GET http://a.example//x/../%2f? HTTP/1.1", "a.example", "GET //x/../%2f? HTTP/1.1", "a.example"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := alone.take(t)
			m, _ := s.exchange(t, test.line+"\r\nHost: "+test.host+"\r\n\r\n", "GET")
			if m.start != test.want {
				t.Errorf("the backend got %q, want %q", m.start, test.want)
			}
			host := s.fill(test.wantHost)
			m.expectFields(t, s.baseFields(), []string{"Host: " + host, "X-Forwarded-Host: " + host})
		})
	}
}

// TestRequestTargetRefused: what is no request target reaches no backend.
func TestRequestTargetRefused(t *testing.T) {
	for _, line := range []string{
		"GET a.example:80 HTTP/1.1",
		"GET example HTTP/1.1",
		"GET  HTTP/1.1",
		"GET /a#b HTTP/1.1",
		"GET /?a#b HTTP/1.1",
		"GET / / HTTP/1.1",
		"GET /a b HTTP/1.1",
		"GET\t/\tHTTP/1.1",
		"GET /\x00 HTTP/1.1",
		"GET /\x7f HTTP/1.1",
		"GET /\x01 HTTP/1.1",
		"GET http:///x HTTP/1.1\r\nX: y",
		"GET http://a b/ HTTP/1.1",
		" GET / HTTP/1.1",
		"GET /",
		"GET / HTTP/1.1 ",
		"GET / HTTP/1",
		"GET / http/1.1",
		"GET / HTTP/9.9",
		"GET / HTTP/0.9",
		"GET / HTTP/2.0",
		"GET / HTTP/01.1",
		"G@T / HTTP/1.1",
		"GE\x00T / HTTP/1.1",
		"/ HTTP/1.1",
		"HTTP/1.1 200 OK",
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			alone.take(t).refused(t, line+"\r\nHost: HOST\r\n\r\n", 400, 505)
		})
	}
}
