package proxy

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// fullPool is a proxy to a backend that has as many requests as it may have:
// further ones wait.
type fullPool struct {
	*harness
	goOn  func() // ends the first request
	first *peer
}

// startFull starts one, whose backend answers further requests by script once it
// has read their heads.
func startFull(t *testing.T, cfg config.Handler, script func(p *peer, r *http.Request)) *fullPool {
	t.Helper()
	f := new(fullPool)
	got, goOn := make(chan struct{}), make(chan struct{})
	f.goOn = sync.OnceFunc(func() { close(goOn) })
	var once sync.Once
	cfg.Backends = to(rawBackend(t, func(p *peer) {
		for {
			r, err := http.ReadRequest(p.br)
			if err != nil {
				return
			}
			first := false
			once.Do(func() { first = true })
			if !first {
				script(p, r)
				continue
			}
			close(got)
			<-goOn
			p.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	})).Backends
	cfg.Backends[0].MaxRequests = 1
	f.harness = provision(t, &cfg)
	def := *f.def
	def.Queue = pool.QueueLimits{Size: 10, Timeout: time.Hour}
	f.pool.Seed(&def)
	f.serve(nil)
	t.Cleanup(f.goOn)
	f.first = f.dial()
	f.first.send(plainGet)
	receive(t, got, "first request")
	return f
}

// waiting sends a request, which has to wait.
func (f *fullPool) waiting(request string) *peer {
	f.t.Helper()
	c := f.dial()
	c.send(request)
	eventually(f.t, "the request to wait", func() bool { return f.pool.View().Queue.Length == 1 })
	return c
}

// wantGone expects that the request that waited has ended, before the slot is free.
func (f *fullPool) wantGone(status int) {
	f.t.Helper()
	wantEqual(f.t, "status", f.result(0).written, status)
	wantEqual(f.t, "requests that wait", f.pool.View().Queue.Length, 0)
	f.goOn()
	res, _ := f.first.response("GET")
	wantStatus(f.t, res, 200)
	wantEqual(f.t, "requests to the backend", f.pool.View().Backends[0].Requests, 1)
	eventually(f.t, "memory to be given back", func() bool { return aheadInUse.Load() == 0 })
}

// A client that leaves ends its wait at once, whatever there is of its body.
func TestClientThatLeavesEndsItsWait(t *testing.T) {
	for name, request := range map[string]string{
		"without a body":     plainGet,
		"with a body":        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
		"chunked":            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		"with a part of it":  "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\nhello",
		"none of it":         "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\n",
		"a part of a chunk":  "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n50\r\nhello",
		"as long as allowed": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 65536\r\n\r\n" + strings.Repeat("x", aheadLimit),
	} {
		t.Run(name, func(t *testing.T) {
			f := startFull(t, config.Handler{}, nil)
			_ = f.waiting(request).Close()
			f.wantGone(statusClientGone)
		})
	}
	for name, request := range map[string]string{
		"longer than is read":          "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nhello",
		"chunked, longer than is read": "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n50000\r\n" + strings.Repeat("x", 2*aheadLimit),
		"not to be asked for":          "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			if !canSeeHangups {
				return // nobody has promised anything
			}
			f := startFull(t, config.Handler{}, nil)
			_ = f.waiting(request).Close()
			f.wantGone(statusClientGone)
		})
	}
	t.Run("buffered", func(t *testing.T) {
		cfg := config.Handler{Forwarding: config.Forwarding{RequestBuffers: 100}}
		f := startFull(t, cfg, nil)
		_ = f.waiting("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello").Close()
		f.wantGone(statusClientGone)
	})
}

// A body that turns out to be malformed ends the wait as well.
func TestMalformedBodyEndsTheWait(t *testing.T) {
	f := startFull(t, config.Handler{}, nil)
	c := f.waiting("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello")
	c.send("X\r\n")
	res, _ := c.response("POST")
	wantStatus(t, res, http.StatusBadRequest)
	wantEqual(t, "closes the client connection", res.Close, true)
	f.wantGone(http.StatusBadRequest)
}

// A client that leaves ends the wait for a retry, too.
func TestClientThatLeavesEndsTheWaitForARetry(t *testing.T) {
	cfg := to(refused(t))
	cfg.LoadBalancing = retries(1)
	cfg.LoadBalancing.TryInterval = caddy.Duration(time.Hour)
	h := start(t, cfg)
	c := h.dial()
	c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
	eventually(t, "first attempt", func() bool { return len(h.verdicts()) == 1 })
	_ = c.Close()
	wantEqual(t, "status", h.result(0).written, statusClientGone)
}
