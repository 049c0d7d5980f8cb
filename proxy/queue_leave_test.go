package proxy

import (
	"testing"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// A client that leaves ends its wait at once. One whose request has a body is
// noticed if that has been read: into memory, with request_buffers.
func TestClientThatLeavesEndsItsWait(t *testing.T) {
	for name, request := range map[string]string{
		"without a body": "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"with a body":    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
		"chunked":        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			got, goOn := make(chan struct{}, 1), make(chan struct{})
			cfg := to(rawBackend(t, func(p *peer) {
				p.head()
				got <- struct{}{}
				<-goOn
				p.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			}))
			cfg.Backends[0].MaxRequests = 1
			cfg.RequestBuffers = 100
			h := provision(t, cfg)
			def := *h.def
			def.Queue = pool.QueueLimits{Size: 10, Timeout: time.Hour}
			h.pool.Seed(&def)
			h.serve(nil)
			first := h.dial()
			first.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			receive(t, got, "first request")
			second := h.dial()
			second.send(request)
			eventually(t, "the second request to wait", func() bool { return h.pool.View().Queue.Length == 1 })
			_ = second.Close()
			wantEqual(t, "status", h.result(0).written, statusClientGone)
			wantEqual(t, "requests that wait", h.pool.View().Queue.Length, 0)
			close(goOn)
			res, _ := first.response("GET")
			wantStatus(t, res, 200)
			wantEqual(t, "requests to the backend", h.pool.View().Backends[0].Requests, 1)
		})
	}
}
