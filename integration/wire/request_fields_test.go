package wire

import (
	"strings"
	"testing"
)

// TestRequestFields covers end-to-end fields: they arrive as they were sent.
func TestRequestFields(t *testing.T) {
	long := strings.Repeat("v", 8<<10)
	tests := []struct {
		name string
		why  string
		sent []string
		want []string
	}{
		{"one field in several lines", "RFC 9110 §5.3: order", []string{"X-D: b", "X-E: 1", "X-D: a", "x-d: c"}, []string{"X-D: b", "X-D: a", "X-D: c", "X-E: 1"}},
		{"empty value", "RFC 9110 §5.5", []string{"X-Empty:", "X-A: 1"}, []string{"X-Empty:", "X-A: 1"}},
		{"empty value between others", "RFC 9110 §5.3", []string{"X-E: a", "X-E:", "X-E: b"}, []string{"X-E: a", "X-E:", "X-E: b"}},
		{"bytes above 0x7f", "RFC 9110 §5.5: obs-text", []string{"X-L: caf\xe9 \xff\x80"}, []string{"X-L: caf\xe9 \xff\x80"}},
		{"UTF-8", "RFC 9110 §5.5", []string{"X-U: grüß"}, []string{"X-U: grüß"}},
		{"space around the value", "RFC 9112 §5: OWS", []string{"X-S: \t a  b \t"}, []string{"X-S: a  b"}},
		{"no space before the value", "RFC 9112 §5: OWS", []string{"X-S:a"}, []string{"X-S: a"}},
		{"tab in the value", "RFC 9110 §5.5", []string{"X-S: a\tb"}, []string{"X-S: a\tb"}},
		{"characters of names, but for _ and . which Caddy refuses", "RFC 9110 §5.6.2", []string{"x!#$%&'*+-^`|~09: 1"}, []string{"x!#$%&'*+-^`|~09: 1"}},
		{"long value", "below the server's limit", []string{"X-Long: " + long}, []string{"X-Long: " + long}},
		{"several cookies", "RFC 6265 §5.4", []string{"Cookie: a=1; b=2", "Cookie: c=3"}, []string{"Cookie: a=1; b=2", "Cookie: c=3"}},
		{"credentials", "RFC 9110 §11.6.2", []string{"Authorization: Bearer x=="}, []string{"Authorization: Bearer x=="}},
		{"accepted encodings", "RFC 9110 §12.5.3", []string{"Accept-Encoding: br;q=1, *;q=0"}, []string{"Accept-Encoding: br;q=1, *;q=0"}},
		{"user agent", "RFC 9110 §10.1.5", []string{"User-Agent: x/1 (y)"}, []string{"User-Agent: x/1 (y)"}},
		{"placeholders of Caddy", "are not expanded in what clients send", []string{"X-P: {http.request.host} {env.PATH} {file./etc/hostname}"}, []string{"X-P: {http.request.host} {env.PATH} {file./etc/hostname}"}},
		{"fields of responses", "unknown in requests, so passed on", []string{"Server: x", "Set-Cookie: a=b"}, []string{"Server: x", "Set-Cookie: a=b"}},
		{"Content-Length of an empty body", "RFC 9110 §8.6", []string{"Content-Length: 0"}, nil},
		{"range", "RFC 9110 §14.2", []string{"Range: bytes=0-1, 4-", "If-Range: \"x\""}, []string{"Range: bytes=0-1, 4-", "If-Range: \"x\""}},
		{"Via of another proxy", "RFC 9110 §7.6.3: appended to", []string{"Via: 1.0 fred, 1.1 p.example"}, []string{"Via: 1.0 fred, 1.1 p.example, 1.1 Caddy"}},
		{"two Via lines", "RFC 9110 §7.6.3", []string{"Via: 1.0 a", "Via: 1.1 b"}, []string{"Via: 1.0 a, 1.1 b, 1.1 Caddy"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := plain.take(t)
			m, _ := s.exchange(t, "GET / HTTP/1.1\r\nHost: HOST\r\n"+strings.Join(test.sent, "\r\n")+"\r\n\r\n", "GET")
			m.expectFields(t, s.baseFields(), test.want)
		})
	}
}

// TestRequestHost: the client's Host goes to the backend as it is
// (RFC 9112 §3.2), and to X-Forwarded-Host.
func TestRequestHost(t *testing.T) {
	for _, suffix := range []string{"", ":80", ":8080", ":0"} {
		t.Run("port "+suffix, func(t *testing.T) {
			t.Parallel()
			s := plain.take(t)
			m, _ := s.exchange(t, "GET / HTTP/1.1\r\nHost: HOST"+suffix+"\r\n\r\n", "GET")
			m.expectFields(t, s.baseFields(), []string{"Host: " + s.host + suffix, "X-Forwarded-Host: " + s.host + suffix})
		})
	}
	for _, host := range []string{"EXAMPLE.com", "[::1]:80", "127.0.0.1", "a_b.example", "xn--bcher-kva.example:1"} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			s := alone.take(t)
			m, _ := s.exchange(t, "GET / HTTP/1.1\r\nHost: "+host+"\r\n\r\n", "GET")
			m.expectFields(t, s.baseFields(), []string{"Host: " + host, "X-Forwarded-Host: " + host})
		})
	}
}
