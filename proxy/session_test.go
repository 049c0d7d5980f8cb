package proxy

import (
	"crypto/tls"
	"net/http"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/sticky"
)

// provisionSticky makes a proxy whose pool keeps clients by a cookie, lb.
func provisionSticky(t *testing.T, cfg *config.Handler) *harness {
	t.Helper()
	h := provision(t, cfg)
	h.def.Sticky = sticky.NewCookie(&config.Sticky{}, "", sticky.NewSecret([]byte("secret")))
	h.pool.Seed(h.def)
	return h
}

func startSticky(t *testing.T, cfg *config.Handler) *harness {
	t.Helper()
	h := provisionSticky(t, cfg)
	h.serve(nil)
	return h
}

// withCookie returns the request with the cookies that a response has set.
func withCookie(request string, res *http.Response) string {
	var pairs []string
	for _, c := range res.Cookies() {
		pairs = append(pairs, c.Name+"="+c.Value)
	}
	return strings.Replace(request, "\r\n\r\n", "\r\nCookie: "+strings.Join(pairs, "; ")+"\r\n\r\n", 1)
}

func TestSessionIsSetOnTheFinalResponse(t *testing.T) {
	const early = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
	for name, test := range map[string]struct {
		response string
		cookies  []string // by name
	}{
		"plain":           {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", []string{"lb"}},
		"no content":      {"HTTP/1.1 204 No Content\r\n\r\n", []string{"lb"}},
		"not modified":    {"HTTP/1.1 304 Not Modified\r\n\r\n", []string{"lb"}},
		"redirect":        {"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", []string{"lb"}},
		"client error":    {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", []string{"lb"}},
		"server error":    {"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", nil},
		"interim":         {early + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", []string{"lb"}},
		"other cookies":   {"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n", []string{"a", "b", "lb"}},
		"same name":       {"HTTP/1.1 200 OK\r\nSet-Cookie: lb=app\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n", []string{"b", "lb"}},
		"same, on error":  {"HTTP/1.1 503 Oops\r\nSet-Cookie: lb=app\r\nContent-Length: 0\r\n\r\n", nil},
		"in a trailer":    {"HTTP/1.1 200 OK\r\nTrailer: Set-Cookie\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nSet-Cookie: lb=app\r\n\r\n", []string{"lb"}},
		"broken response": {"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			h := startSticky(t, to(rawBackend(t, answering(test.response))))
			c := h.dial()
			c.send(plainGet)
			if name == "interim" {
				if head := c.head(); !strings.HasPrefix(head, "HTTP/1.1 103") || strings.Contains(head, "Set-Cookie") {
					t.Errorf("interim response %q", head)
				}
			}
			res, _ := c.response(http.MethodGet)
			var names []string
			for _, cookie := range res.Cookies() {
				names = append(names, cookie.Name)
			}
			if !slices.Equal(names, test.cookies) || len(res.Trailer["Set-Cookie"]) > 0 {
				t.Errorf("cookies %v, trailer %v", res.Header["Set-Cookie"], res.Trailer)
			}
			if len(names) == 0 {
				return
			}
			c.send(withCookie(plainGet, res))
			if name == "interim" {
				c.head()
			}
			res, _ = c.response(http.MethodGet)
			for _, cookie := range res.Cookies() {
				if cookie.Name == "lb" {
					t.Errorf("it is set again: %s", cookie.Raw)
				}
			}
		})
	}
}

// What the backend sees is what the client has sent.
func TestBackendSeesTheCookie(t *testing.T) {
	heads := make(chan string, 2)
	h := startSticky(t, to(rawBackend(t, capturing(heads))))
	res, _ := h.exchange(plainGet)
	wantEqual(t, "cookies of a new client", len(fields(receive(t, heads, "request"), "Cookie")), 0)
	h.exchange(withCookie(plainGet, res))
	want := "lb=" + res.Cookies()[0].Value
	if got := fields(receive(t, heads, "request"), "Cookie"); !slices.Equal(got, []string{want}) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// After retries the one cookie names the backend that has answered, whatever
// has been the reason to try another.
func TestSessionAfterRetry(t *testing.T) {
	const good = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	for name, bad := range map[string]func(*testing.T) string{
		"refused": refused,
		"closed":  func(t *testing.T) string { return rawBackend(t, func(p *peer) { p.head() }) },
		"by status": func(t *testing.T) string {
			return rawBackend(t, answering("HTTP/1.1 404 Not Found\r\nSet-Cookie: of=it\r\nContent-Length: 0\r\n\r\n"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := to(bad(t), rawBackend(t, answering(good)))
			cfg.LoadBalancing = retries(1)
			cfg.LoadBalancing.MatchRaw = match(`{"expression": "{http.reverse_proxy.status_code} == 404"}`, `{"method": ["GET"]}`)
			h := startSticky(t, cfg)
			res, _ := h.exchange(plainGet)
			wantStatus(t, res, 200)
			if len(res.Header["Set-Cookie"]) != 1 {
				t.Fatalf("cookies %q", res.Header["Set-Cookie"])
			}
			kept := withCookie(plainGet, res)
			for range 4 {
				res, _ = h.exchange(kept)
				wantStatus(t, res, 200)
				wantEqual(t, "cookies", len(res.Header["Set-Cookie"]), 0)
			}
			wantEqual(t, "requests to the bad one", h.pool.View().Backends[0].Requests, 1)
		})
	}
}

// All attempts fail: the error has no cookie.
func TestErrorHasNoCookie(t *testing.T) {
	cfg := to(refused(t), refused(t))
	cfg.LoadBalancing = retries(1)
	h := startSticky(t, cfg)
	res, _ := h.exchange(plainGet)
	wantStatus(t, res, 502)
	wantEqual(t, "cookies", len(res.Header["Set-Cookie"]), 0)
}

func TestSessionOfWebSocket(t *testing.T) {
	backend := rawBackend(t, switching(t, "", echo))
	h := startSticky(t, to(backend, refused(t)))
	c := h.dial()
	c.send(upgradeRequest)
	set := fields(c.head(), "Set-Cookie")
	if len(set) != 1 || !strings.HasPrefix(set[0], "lb=") {
		t.Fatalf("cookies %q", set)
	}
	cookie, _, _ := strings.Cut(set[0], ";")
	for range 2 {
		again := h.dial()
		again.send(strings.Replace(upgradeRequest, "\r\n\r\n", "\r\nCookie: "+cookie+"\r\n\r\n", 1))
		head := again.head()
		if !strings.HasPrefix(head, "HTTP/1.1 101") || len(fields(head, "Set-Cookie")) > 0 {
			t.Errorf("response %q", head)
		}
	}
}

func TestSessionOfWebSocketOverHTTP2(t *testing.T) {
	h := provisionSticky(t, to(rawBackend(t, switching(t, "", echo))))
	h.serve(serverTLS(t))
	c := dialConnect(t, h, ":method", "CONNECT", ":protocol", "websocket", ":scheme", "https", ":path", "/chat", ":authority", "a",
		"sec-websocket-version", "13")
	head, ok := c.next().(*http2.MetaHeadersFrame)
	if !ok || head.PseudoValue("status") != "200" {
		t.Fatalf("response %v", head)
	}
	var set []string
	for _, f := range head.RegularFields() {
		if f.Name == "set-cookie" {
			set = append(set, f.Value)
		}
	}
	if len(set) != 1 || !strings.Contains(set[0], "; Secure") {
		t.Errorf("cookies %q", set)
	}
}

func TestSessionCookieIsSecure(t *testing.T) {
	backend := rawBackend(t, answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
	const forwarded = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: https\r\n\r\n"
	for name, test := range map[string]struct {
		tls     bool
		trusted []string
		request string
		secure  bool
	}{
		"plain":     {request: plainGet},
		"tls":       {tls: true, request: plainGet, secure: true},
		"untrusted": {request: forwarded},
		"trusted":   {trusted: []string{"127.0.0.0/8"}, request: forwarded, secure: true},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := to(backend)
			cfg.TrustedProxies = test.trusted
			h := provisionSticky(t, cfg)
			var c *peer
			if test.tls {
				h.serve(serverTLS(t))
				conn, err := tls.Dial("tcp", h.addr, &tls.Config{InsecureSkipVerify: true})
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = conn.Close() }()
				c = newPeer(t, conn)
			} else {
				h.serve(nil)
				c = h.dial()
			}
			c.send(test.request)
			res, _ := c.response(http.MethodGet)
			if list := res.Cookies(); len(list) != 1 || list[0].Secure != test.secure || !list[0].HttpOnly {
				t.Errorf("cookies %v", list)
			}
		})
	}
}
