package proxy

import (
	"slices"
	"strings"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

func TestForwardsPlainRequest(t *testing.T) {
	heads := make(chan string, 1)
	h := start(t, to(rawBackend(t, capturing(heads))))
	res, body := h.exchange("GET /a?b=c HTTP/1.1\r\nHost: example.com\r\nX-Own: 1\r\n\r\n")
	wantStatus(t, res, 200)
	wantEqual(t, "body", body, "ok")
	head := receive(t, heads, "request")
	if !strings.HasPrefix(head, "GET /a?b=c HTTP/1.1\r\n") {
		t.Errorf("request line: %q", head)
	}
	for name, want := range map[string]string{
		"Host": "example.com", "X-Own": "1", "X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http",
		"X-Forwarded-Host": "example.com", "Via": "1.1 Caddy",
	} {
		if got := fields(head, name); !slices.Equal(got, []string{want}) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"User-Agent", "Accept-Encoding", "Connection", "Content-Length", "Transfer-Encoding"} {
		if got := fields(head, name); got != nil {
			t.Errorf("%s was made up: %q", name, got)
		}
	}
	wantEqual(t, "Via of the response", res.Header.Get("Via"), "1.1 Caddy")
	if got := h.verdicts(); !slices.Equal(got, []pool.Verdict{pool.Answered}) {
		t.Errorf("verdicts %v", got)
	}
	eventually(t, "slot to be free", func() bool { return h.pool.Snapshot().Members[0].InFlight() == 0 })
}

func TestReusesConnections(t *testing.T) {
	conns := make(chan int, 10)
	h := start(t, to(rawBackend(t, func(p *peer) {
		for p.head() != "" {
			conns <- p.n
			p.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	})))
	for range 5 {
		if _, body := h.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n"); body != "ok" {
			t.Fatalf("body %q", body)
		}
		wantEqual(t, "connection", receive(t, conns, "request"), 0)
	}
}
