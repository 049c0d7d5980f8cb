package proxy

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
)

func TestRequestHopHeaders(t *testing.T) {
	heads := make(chan string, 1)
	h := start(t, to(rawBackend(t, capturing(heads))))
	for _, c := range []struct {
		name, sent string
		want       map[string][]string
	}{
		{
			"named by Connection",
			"Connection: close, x-foo ,\tX-BAR\r\nConnection: X-Baz\r\nX-Foo: 1\r\nX-Bar: 2\r\nX-Baz: 3\r\nX-Keep: 4\r\n",
			map[string][]string{"Connection": nil, "X-Foo": nil, "X-Bar": nil, "X-Baz": nil, "X-Keep": {"4"}},
		},
		{
			"listed",
			"Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nProxy-Authorization: x\r\nProxy-Authenticate: y\r\n" +
				"TE: gzip;q=0.5\r\nAlt-Svc: x\r\nHTTP2-Settings: x\r\nUpgrade: h2c\r\n",
			map[string][]string{
				"Keep-Alive": nil, "Proxy-Connection": nil, "Proxy-Authorization": nil, "Proxy-Authenticate": nil,
				"Te": nil, "Alt-Svc": nil, "Http2-Settings": nil, "Upgrade": nil,
			},
		},
		{"trailers are taken", "TE: gzip, trailers\r\n", map[string][]string{"Te": {"trailers"}}},
		{
			"names that Connection cannot strip",
			"Connection: Via, Host, X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto, close\r\nX-Forwarded-For: 6.6.6.6\r\nVia: 1.0 other\r\n",
			map[string][]string{
				"Via": {"1.0 other", "1.1 Caddy"}, "Host": {"example.com"}, "X-Forwarded-For": {"127.0.0.1"},
				"X-Forwarded-Host": {"example.com"}, "X-Forwarded-Proto": {"http"},
			},
		},
		{
			"passed as they are", "User-Agent: x\r\nX_Under: 1\r\nX-Twice: a\r\nX-Twice: b\r\nAccept-Encoding: br\r\nAuthorization: Basic x\r\n",
			map[string][]string{"User-Agent": {"x"}, "X_Under": {"1"}, "X-Twice": {"a", "b"}, "Accept-Encoding": {"br"}, "Authorization": {"Basic x"}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			res, _ := h.exchange("GET / HTTP/1.1\r\nHost: example.com\r\n" + c.sent + "\r\n")
			wantStatus(t, res, 200)
			head := receive(t, heads, "request")
			for name, want := range c.want {
				if got := fields(head, name); !slices.Equal(got, want) {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
		})
	}
}

func TestForwardedHeaders(t *testing.T) {
	const spoofed = "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-For: 5.6.7.8\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: other\r\n"
	for _, c := range []struct {
		name            string
		trusted         []string
		server          bool
		remote          string
		xff, xfp, xhost []string
	}{
		{"untrusted", nil, false, "", []string{"127.0.0.1"}, []string{"http"}, []string{"a"}},
		{"other trusted", []string{"10.0.0.0/8"}, false, "", []string{"127.0.0.1"}, []string{"http"}, []string{"a"}},
		{"trusted range", []string{"127.0.0.0/8"}, false, "", []string{"1.2.3.4, 5.6.7.8, 127.0.0.1"}, []string{"https"}, []string{"other"}},
		{"trusted address", []string{"127.0.0.1"}, false, "", []string{"1.2.3.4, 5.6.7.8, 127.0.0.1"}, []string{"https"}, []string{"other"}},
		{"trusted by server", nil, true, "", []string{"1.2.3.4, 5.6.7.8, 127.0.0.1"}, []string{"https"}, []string{"other"}},
		{"unix socket, untrusted", nil, false, "@", nil, nil, nil},
		{"unix socket, trusted", nil, true, "@", []string{"1.2.3.4, 5.6.7.8"}, []string{"https"}, []string{"other"}},
		{"no address", nil, false, "nonsense", nil, nil, nil},
		{"with zone", []string{"fe80::/10"}, false, "[fe80::1%eth0]:1", []string{"1.2.3.4, 5.6.7.8, fe80::1"}, []string{"https"}, []string{"other"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			heads := make(chan string, 1)
			cfg := to(rawBackend(t, capturing(heads)))
			cfg.TrustedProxies = c.trusted
			h := provision(t, cfg)
			h.before = func(_ http.ResponseWriter, r *http.Request) {
				caddyhttp.SetVar(r.Context(), caddyhttp.TrustedProxyVarKey, c.server)
				if c.remote != "" {
					r.RemoteAddr = c.remote
				}
			}
			h.serve(nil)
			h.exchange("GET / HTTP/1.1\r\nHost: a\r\n" + spoofed + "\r\n")
			head := receive(t, heads, "request")
			for name, want := range map[string][]string{forwardedFor: c.xff, forwardedProto: c.xfp, forwardedHost: c.xhost} {
				if got := fields(head, name); !slices.Equal(got, want) {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
		})
	}
}

func TestResponseHopHeaders(t *testing.T) {
	h := start(t, to(rawBackend(t, answering("HTTP/1.1 200 OK\r\nConnection: X-Foo, keep-alive\r\nX-Foo: 1\r\nKeep-Alive: timeout=5\r\n"+
		"Proxy-Authenticate: x\r\nProxy-Connection: y\r\nAlt-Svc: z\r\nUpgrade: h2c\r\nServer: backend\r\nVia: 1.1 inner\r\n"+
		"X-Keep: 2\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 6\r\n\r\n<html>"))))
	c := h.dial()
	c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	head := c.head()
	for name, want := range map[string][]string{
		"X-Foo": nil, "Keep-Alive": nil, "Proxy-Authenticate": nil, "Proxy-Connection": nil, "Alt-Svc": nil, "Upgrade": nil,
		"Connection": nil, "Content-Type": nil, "Server": {"backend"}, "Via": {"1.1 inner", "1.1 Caddy"}, "X-Keep": {"2"}, "Set-Cookie": {"a=1", "b=2"},
	} {
		if got := fields(head, name); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestHeaderOps(t *testing.T) {
	heads := make(chan string, 1)
	cfg := to(rawBackend(t, capturing(heads)))
	cfg.Headers = &headers.Handler{
		Request: &headers.HeaderOps{
			Set:    http.Header{"Host": {"{http.load_balance.backend.hostport}"}, "X-Client": {"{http.request.header.X-In}"}},
			Add:    http.Header{"X-Pool": {"{http.load_balance.pool}"}},
			Delete: []string{"X-Gone", "Via"},
		},
		Response: &headers.RespHeaderOps{HeaderOps: &headers.HeaderOps{Set: http.Header{"X-Status": {"{http.reverse_proxy.status_code}"}}}},
	}
	h := start(t, cfg)
	res, _ := h.exchange("GET / HTTP/1.1\r\nHost: a\r\nX-In: {http.load_balance.pool}\r\nX-Gone: 1\r\n\r\n")
	wantStatus(t, res, 200)
	head := receive(t, heads, "request")
	for name, want := range map[string][]string{
		"Host": {cfg.Backends[0].Address}, "X-Client": {"{http.load_balance.pool}"}, "X-Pool": {"test"}, "X-Gone": nil, "Via": nil,
	} {
		if got := fields(head, name); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	wantEqual(t, "X-Status", res.Header.Get("X-Status"), "200")
}

func TestHeaderOpsCannotSplitRequests(t *testing.T) {
	cfg := to(rawBackend(t, capturing(make(chan string, 1))))
	cfg.Headers = &headers.Handler{Request: &headers.HeaderOps{Set: http.Header{"X-Q": {"{http.request.uri.query.q}"}}}}
	h := start(t, cfg)
	res, _ := h.exchange("GET /?q=a%0d%0aX-Evil:%201 HTTP/1.1\r\nHost: a\r\n\r\n")
	wantStatus(t, res, http.StatusBadRequest)
}

func TestEarlyResponseHeadersOfOtherHandlersStay(t *testing.T) {
	h := provision(t, to(rawBackend(t, answering("HTTP/1.1 200 OK\r\nX-Both: backend\r\nContent-Length: 0\r\n\r\n"))))
	h.before = func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Both", "handler") }
	h.serve(nil)
	res, _ := h.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if got := strings.Join(res.Header["X-Both"], ","); got != "handler,backend" {
		t.Errorf("X-Both %q", got)
	}
}
