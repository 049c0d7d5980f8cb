package proxy

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/rewrite"
)

func TestTargetGoesOnUnchanged(t *testing.T) {
	heads := make(chan string, 1)
	h := start(t, to(rawBackend(t, capturing(heads))))
	for _, target := range []string{
		"/", "/a%2Fb", "/a%2fb", "//", "//a//b", "/a;b=c", "/a\"b", "/a|b", "/a^b`c", "/{http.request.host}", "/\xc3\xa9", "/%c3%A9",
		"/?", "/a?", "/?a;b", "/?a=\"b\"", "/?a=b%20c+d&&=", "/?q=a?b", "/a/../b", "/./a", "/a//../b", "/%2e%2e/x", "/a:b@c", "/[x]", "/a\\b",
		"/a?b=%zz", "/'()*!", "/%00",
	} {
		res, _ := h.exchange("GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n")
		wantStatus(t, res, 200)
		line, _, _ := strings.Cut(receive(t, heads, "request"), "\r\n")
		wantEqual(t, "request line", line, "GET "+target+" HTTP/1.1")
	}
}

func TestOtherTargets(t *testing.T) {
	heads := make(chan string, 1)
	h := start(t, to(rawBackend(t, capturing(heads))))
	for _, c := range []struct{ request, line, host string }{
		{"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS * HTTP/1.1", "a"},
		{"GET http://b/x%2F?y HTTP/1.1\r\nHost: a\r\n\r\n", "GET /x%2F?y HTTP/1.1", "b"},
		{"GET http://b HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1", "b"},
		{"GET http://b?q HTTP/1.1\r\nHost: a\r\n\r\n", "GET /?q HTTP/1.1", "b"},
		{"GET http://b/a\"b HTTP/1.1\r\nHost: a\r\n\r\n", "GET /a\"b HTTP/1.1", "b"},
		{"OPTIONS http://b HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS * HTTP/1.1", "b"},
		{"PATCH /x HTTP/1.1\r\nHost: a:81\r\nContent-Length: 0\r\n\r\n", "PATCH /x HTTP/1.1", "a:81"},
		{"X-OWN /x HTTP/1.1\r\nHost: [::1]:81\r\n\r\n", "X-OWN /x HTTP/1.1", "[::1]:81"},
		{"GET /x HTTP/1.0\r\nHost: a\r\n\r\n", "GET /x HTTP/1.1", "a"},
	} {
		res, _ := h.exchange(c.request)
		wantStatus(t, res, 200)
		head := receive(t, heads, "request")
		line, _, _ := strings.Cut(head, "\r\n")
		wantEqual(t, "request line", line, c.line)
		wantEqual(t, "host", strings.Join(fields(head, "Host"), ","), c.host)
	}
}

func TestHostileRequestsAre400(t *testing.T) {
	h := start(t, to(rawBackend(t, func(p *peer) {
		if head := p.head(); head != "" {
			t.Errorf("reached the backend: %q", head)
		}
	})))
	for _, request := range []string{
		"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /a?b#c HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET * HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET mailto:x HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET http://u:p@a/ HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /a\x01b HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a,b\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a:80:80\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: [1.2.3.4]\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
		"GET / HTTP/1.1\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nX(: b\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nX: b\x00c\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nX: b\rc\r\n\r\n",
		"G(T / HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na",
	} {
		res, _ := h.exchange(request)
		if res.StatusCode != 400 {
			t.Errorf("%q: status %d, want 400", request, res.StatusCode)
		}
	}
	for _, request := range []string{
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n",
	} {
		if res, _ := h.exchange(request); res.StatusCode != 400 && res.StatusCode != 501 {
			t.Errorf("%q: status %d, want 400 or 501", request, res.StatusCode)
		}
	}
}

func TestRewrite(t *testing.T) {
	heads := make(chan string, 1)
	cfg := to(rawBackend(t, capturing(heads)))
	cfg.Rewrite = &rewrite.Rewrite{Method: "GET", URI: "/new?{http.request.uri.query}&x=1"}
	h := start(t, cfg)
	res, _ := h.exchange("POST /old%2F?q=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
	wantStatus(t, res, 200)
	head := receive(t, heads, "request")
	line, _, _ := strings.Cut(head, "\r\n")
	wantEqual(t, "request line", line, "GET /new?q=1&x=1 HTTP/1.1")
	if got := fields(head, "Content-Length"); got != nil {
		t.Errorf("Content-Length %q", got)
	}
}

// A path that was rewritten is not the client's any more, but what was escaped
// in it stays so.
func TestTargetOfRewrittenPath(t *testing.T) {
	for _, test := range []struct{ path, raw, want string }{
		{"/a/b", "", "/a/b"},
		{"/a b", "", "/a%20b"},
		{"/a/b", "/a%2fb", "/a%2fb"},
		{"/a|/b", "/a|%2fb", "/a%7C%2fb"},
		{"//a|/b", "//a|%2Fb", "//a%7C%2Fb"},
		{"a|/b", "a|%2fb", "/a%7C%2fb"},
		{"/new", "/old%2f", "/new"}, // a handler that knows of no RawPath
	} {
		r := httptest.NewRequest(http.MethodGet, "/before%2f|", nil)
		r.URL.Path, r.URL.RawPath = test.path, test.raw
		if got := targetURL(r).RequestURI(); got != test.want {
			t.Errorf("path %q, raw %q: got %q, want %q", test.path, test.raw, got, test.want)
		}
	}
}
