package proxy

import (
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// A backend that is slow to answer on a connection that was used before is not
// asked once more: it has not closed it.
func TestSilenceIsNotRepeated(t *testing.T) {
	short := caddy.Duration(100 * time.Millisecond)
	for name, cfg := range map[string]config.Transport{
		"response_header_timeout": {ResponseHeaderTimeout: &short}, "read_timeout": {ReadTimeout: short},
	} {
		if overNet && name == "read_timeout" {
			continue // net/http takes any failed read for a connection that was closed
		}
		t.Run(name, func(t *testing.T) {
			requests := make(chan int, 10)
			backend := to(rawBackend(t, func(p *peer) {
				p.head()
				p.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
				for n := p.n; p.head() != ""; {
					requests <- n
				}
			}))
			backend.Transport = &cfg
			h := start(t, backend)
			res, _ := h.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			wantStatus(t, res, 200)
			res, _ = h.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			wantStatus(t, res, 504)
			h.result(1)
			if n := len(requests); n != 1 {
				t.Errorf("the backend got the request %d times", n)
			}
			wantEqual(t, "connection", receive(t, requests, "request"), 0)
		})
	}
}
