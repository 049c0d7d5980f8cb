package proxy

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// expression returns a matcher set of one expression, in which rp. stands for
// the placeholders of the reverse proxy as it does in a Caddyfile.
func expression(expr string) string {
	expr = strings.ReplaceAll(expr, "{rp.", "{http.reverse_proxy.")
	raw, err := json.Marshal(map[string]string{"expression": expr})
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// fate is what becomes of a request at a backend.
type fate string

const (
	breaks   fate = "" // the connection ends without an answer
	bad502   fate = "HTTP/1.1 502 Bad\r\nContent-Length: 3\r\n\r\nbad"
	bad503   fate = "HTTP/1.1 503 Busy\r\nContent-Length: 3\r\n\r\nbad"
	bad500   fate = "HTTP/1.1 500 Oops\r\nContent-Length: 3\r\n\r\nbad"
	badField fate = "HTTP/1.1 200 OK\r\nX-Retry: true\r\nContent-Length: 3\r\n\r\nbad"
	good     fate = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood"
)

// closing returns the answer of a backend that closes the connection behind it.
func closing(f fate) string {
	return strings.Replace(string(f), "\r\n", "\r\nConnection: close\r\n", 1)
}

// once is a script by which the first of all requests meets its fate, and the
// others are answered with 200.
func once(first chan fate) func(*peer) {
	return func(p *peer) {
		for p.head() != "" {
			select {
			case f := <-first:
				if f == breaks {
					return
				}
				p.send(string(f))
			default:
				p.send(string(good))
			}
		}
	}
}

// Every form of lb_retry_match that Caddy's own tests have, with a request and
// a fate that it is for, and with one that it is not for.
func TestRetryMatchForms(t *testing.T) {
	get, post := "GET / HTTP/1.1\r\nHost: a\r\n", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n"
	line := func(method, path string) string {
		return method + " " + path + " HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n"
	}
	for _, c := range []struct {
		match   string
		request string
		fate    fate
		retried bool
	}{
		{`{"method": ["POST", "PUT"]}`, post, breaks, true},
		{`{"method": ["POST", "PUT"]}`, line("DELETE", "/"), breaks, false},
		{`{"method": ["POST", "PUT"]}`, post, bad503, false}, // it says nothing of responses
		{`{"method": ["PUT"]}`, line("PUT", "/"), good, false},
		{`{"path": ["/foo*"]}`, line("POST", "/foo/1"), breaks, true},
		{`{"path": ["/foo*"]}`, line("GET", "/bar"), breaks, false},
		{`{"path": ["/foo*"], "method": ["POST"]}`, line("POST", "/foo"), breaks, true},
		{`{"path": ["/foo*"], "method": ["POST"]}`, line("PUT", "/foo"), breaks, false},
		{`{"header": {"X-Idempotency-Key": ["*"]}}`, post + "X-Idempotency-Key: 1\r\n", breaks, true},
		{`{"header": {"X-Idempotency-Key": ["*"]}}`, post, breaks, false},

		{expression(`{rp.status_code} in [502, 503, 504]`), get, bad502, true},
		{expression(`{rp.status_code} in [502, 503, 504]`), post, bad502, true},
		{expression(`{rp.status_code} in [502, 503, 504]`), get, bad500, false},
		{expression(`{rp.status_code} in [502, 503, 504]`), get, breaks, false},
		{expression(`ph(req, "http.reverse_proxy.status_code") in [502, 503]`), get, bad503, true},
		{expression(`{rp.header.X-Retry} == "true"`), get, badField, true},
		{expression(`{rp.header.X-Retry} == "true"`), get, bad502, false},
		{expression(`{rp.status_text} == "503 Busy"`), get, bad503, true},
		{expression(`method('POST') && {rp.status_code} >= 500`), post, bad500, true},
		{expression(`method('POST') && {rp.status_code} >= 500`), get, bad500, false},
		{expression(`path('/api*') && {rp.status_code} in [502, 503]`), line("GET", "/api/x"), bad502, true},
		{expression(`path('/api*') && {rp.status_code} in [502, 503]`), get, bad502, false},
		{expression(`host('a') && {rp.status_code} == 503`), get, bad503, true},
		{expression(`host('example.com') && {rp.status_code} == 503`), get, bad503, false},
		{expression(`query({'retry': 'true'}) && {rp.status_code} >= 500`), line("GET", "/?retry=true"), bad500, true},
		{expression(`query({'retry': 'true'}) && {rp.status_code} >= 500`), line("GET", "/?retry=no"), bad500, false},
		{expression(`header({'X-Idempotency-Key': '*'}) && {rp.status_code} in [502, 503]`), post + "X-Idempotency-Key: 1\r\n", bad502, true},
		{expression(`header({'X-Idempotency-Key': '*'}) && {rp.status_code} in [502, 503]`), post, bad502, false},
		{expression(`protocol('https') && {rp.status_code} == 502`), get, bad502, false},
		{expression(`path_regexp('^/api/v[0-9]+/') && {rp.status_code} >= 500`), line("GET", "/api/v2/x"), bad500, true},
		{expression(`path_regexp('^/api/v[0-9]+/') && {rp.status_code} >= 500`), line("GET", "/api/x"), bad500, false},
		{
			expression(`header_regexp('Content-Type', '^application/json') && {rp.status_code} == 502`),
			post + "Content-Type: application/json; charset=utf-8\r\n", bad502, true,
		},
		{
			expression(`header_regexp('Content-Type', '^application/json') && {rp.status_code} == 502`),
			post + "Content-Type: text/plain\r\n", bad502, false,
		},
		{`{"method": ["POST"], "expression": "{http.reverse_proxy.status_code} in [502, 503]"}`, post, bad502, true},
		{`{"method": ["POST"], "expression": "{http.reverse_proxy.status_code} in [502, 503]"}`, get, bad502, false},
		{`{"path": ["/api*"], "expression": "{http.reverse_proxy.status_code} == 502"}`, line("GET", "/api"), bad502, true},
		{`{"path": ["/api*"], "expression": "{http.reverse_proxy.status_code} == 502"}`, get, bad502, false},

		{expression(`{rp.is_transport_error} || {rp.status_code} in [502, 503]`), post, breaks, true},
		{expression(`{rp.is_transport_error} || {rp.status_code} in [502, 503]`), post, bad502, true},
		{expression(`{rp.is_transport_error} || {rp.status_code} in [502, 503]`), post, bad500, false},
		{expression(`{rp.is_transport_error} && method('POST')`), post, breaks, true},
		{expression(`{rp.is_transport_error} && method('POST')`), line("PUT", "/"), breaks, false},
		{expression(`{rp.is_transport_error} == true`), post, breaks, true},
		{expression(`{rp.is_transport_error} == true`), get, bad502, false},

		// these say nothing of the response
		{expression(`{http.request.method} == "POST"`), post, good, false},
		{expression(`{rp.upstream.host} == "127.0.0.1"`), post, good, false},
		{expression(`{http.request.uri.path} != "\{http.reverse_proxy.status_code}"`), post, good, false},
		{expression(`{rp.status_codes} == null`), post, good, false},

		// beyond Caddy's tests
		{expression(`{rp.upstream.latency_ms} > 0.0 && {rp.status_code} == 200 && {rp.header.X-Retry} == "true"`), get, badField, true},
		{expression(`{http.load_balance.attempts} < 2 && {rp.status_code} >= 500`), get, bad500, true},
		{expression(`{http.load_balance.attempts} < 1 && {rp.status_code} >= 500`), get, bad500, false},
	} {
		method, _, _ := strings.Cut(c.request, " ")
		t.Run(c.match+" "+method+" "+firstLine(c.fate), func(t *testing.T) {
			first := make(chan fate, 1)
			first <- c.fate
			script := once(first)
			cfg := to(rawBackend(t, script), rawBackend(t, script))
			cfg.LoadBalancing = retries(1)
			cfg.LoadBalancing.MatchRaw = match(c.match)
			h := start(t, cfg)
			res, body := h.exchange(c.request + "\r\n")
			want := 1
			if c.retried {
				want = 2
				wantStatus(t, res, http.StatusOK)
				wantEqual(t, "body", body, "good")
			}
			wantEqual(t, "attempts", len(h.verdicts()), want)
			wantEqual(t, "retries counted", h.pool.View().Retries, uint64(want-1))
		})
	}
}

func firstLine(f fate) string {
	line, _, _ := strings.Cut(string(f), "\r\n")
	return line
}

// The one form that needs TLS on the client's side.
func TestRetryMatchOfProtocol(t *testing.T) {
	first := make(chan fate, 1)
	first <- bad502
	script := once(first)
	cfg := to(rawBackend(t, script), rawBackend(t, script))
	cfg.LoadBalancing = retries(1)
	cfg.LoadBalancing.MatchRaw = match(expression(`protocol('https') && {rp.status_code} == 502`))
	h := provision(t, cfg)
	h.serve(serverTLS(t))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}} // #nosec G402 -- the server is this test's own
	res, err := client.Get("https://" + h.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	wantEqual(t, "body", string(body), "good")
	wantEqual(t, "error", err, nil)
}

// What one response had must not be taken for what the next has.
func TestRetryMatchSeesOneResponseAtATime(t *testing.T) {
	first := make(chan fate, 1)
	first <- badField
	script := once(first)
	cfg := to(rawBackend(t, script), rawBackend(t, script), rawBackend(t, script))
	cfg.LoadBalancing = retries(5)
	cfg.LoadBalancing.MatchRaw = match(expression(`{rp.header.X-Retry} == "true"`))
	h := start(t, cfg)
	_, body := h.exchange(plainGet)
	wantEqual(t, "body", body, "good")
	wantEqual(t, "attempts", len(h.verdicts()), 2)
}
