package proxy

import (
	"slices"
	"strings"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// With keepalive off every request has a connection of its own, and the backend
// is told so.
func TestKeepAliveOff(t *testing.T) {
	off := false
	ended := make(chan struct{}, 4)
	heads := make(chan string, 4)
	cfg := to(rawBackend(t, func(p *peer) {
		heads <- p.head()
		p.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		p.rest()
		ended <- struct{}{}
	}))
	cfg.Transport = &config.Transport{KeepAlive: &config.KeepAlive{Enabled: &off}}
	h := start(t, cfg)
	for _, request := range []string{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
	} {
		res, _ := h.exchange(request)
		wantStatus(t, res, 200)
		if got := fields(receive(t, heads, "request"), "Connection"); !slices.Equal(got, []string{"close"}) {
			t.Errorf("%q: Connection is %q", request, got)
		}
		receive(t, ended, "end of the connection")
	}
}

// An upgrade is asked for all the same.
func TestKeepAliveOffUpgrade(t *testing.T) {
	off := false
	heads := make(chan string, 1)
	cfg := to(rawBackend(t, func(p *peer) {
		heads <- p.head()
		p.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello")
	}))
	cfg.Transport = &config.Transport{KeepAlive: &config.KeepAlive{Enabled: &off}}
	c := start(t, cfg).dial()
	c.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	if head := c.head(); !strings.HasPrefix(head, "HTTP/1.1 101 ") {
		t.Fatalf("head %q", head)
	}
	wantEqual(t, "tunnel", c.take(5), "hello")
	if got := strings.ToLower(strings.Join(fields(receive(t, heads, "request"), "Connection"), ",")); !strings.Contains(got, "upgrade") {
		t.Errorf("Connection is %q", got)
	}
}
