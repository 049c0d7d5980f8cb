package proxy

import (
	"bytes"
	"net"
	"net/http"
	"runtime"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// accounted is a backend that tells, for each request, which connection it came
// on, and which connections have ended.
type accounted struct {
	addr         string
	served, gone chan int
}

func newAccounted(t *testing.T) *accounted {
	t.Helper()
	c := &accounted{served: make(chan int, 100), gone: make(chan int, 100)}
	c.addr = rawBackend(t, func(p *peer) {
		for p.head() != "" {
			c.served <- p.n
			p.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
		c.gone <- p.n
	})
	return c
}

// get makes a request and returns which connection it came on.
func (c *accounted) get(t *testing.T, h *harness) int {
	t.Helper()
	res, _ := h.exchange("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	wantStatus(t, res, 200)
	return receive(t, c.served, "request")
}

func TestRemovedBackendHasNoIdleConnections(t *testing.T) {
	backends := [2]*accounted{newAccounted(t), newAccounted(t)}
	cfg := to(backends[0].addr, backends[1].addr)
	cfg.Backends[0].ID, cfg.Backends[1].ID = "a", "b"
	h := start(t, cfg)
	h.pool.Commit(h, h.def)
	for _, b := range backends {
		b.get(t, h)
	}
	if err := h.pool.Remove("a", pool.Options{}); err != nil {
		t.Fatal(err)
	}
	receive(t, backends[0].gone, "end of the connection")
	wantEqual(t, "connection to the other backend", backends[1].get(t, h), 0)
}

// definitionWith returns the harness's definition with transports made anew.
func (h *harness) definitionWith(cfg *config.Transport) *pool.Definition {
	h.t.Helper()
	maker, err := NewTransports(h.ctx, transportConfig(cfg))
	if err != nil {
		h.t.Fatal(err)
	}
	def := *h.def
	def.Transports = maker
	return &def
}

func TestReloadKeepsConnectionsOfEqualTransports(t *testing.T) {
	b := newAccounted(t)
	h := start(t, to(b.addr))
	h.pool.Commit("first", h.def)
	wantEqual(t, "connection", b.get(t, h), 0)
	h.pool.Commit("second", h.definitionWith(nil))
	h.pool.Withdraw("first")
	wantEqual(t, "connection after a reload", b.get(t, h), 0)
	other := &config.Transport{DialTimeout: caddy.Duration(patience)}
	h.pool.Commit("third", h.definitionWith(other))
	h.pool.Withdraw("second")
	wantEqual(t, "connection that has ended", receive(t, b.gone, "end of the connection"), 0)
	wantEqual(t, "connection of another transport", b.get(t, h), 1)
}

// A connection in use when its backend is removed serves its client, and ends.
func TestRemovalLetsExchangesEnd(t *testing.T) {
	asked, answer, gone := make(chan struct{}), make(chan struct{}), make(chan string, 1)
	cfg := to(rawBackend(t, func(p *peer) {
		p.head()
		close(asked)
		<-answer
		p.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		gone <- p.rest()
	}), refused(t))
	cfg.Backends[0].ID = "a"
	h := start(t, cfg)
	h.pool.Commit(h, h.def)
	c := h.dial()
	c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	receive(t, asked, "request")
	if err := h.pool.Remove("a", pool.Options{}); err != nil {
		t.Fatal(err)
	}
	close(answer)
	_, body := c.response("GET")
	wantEqual(t, "body", body, "ok")
	wantEqual(t, "end of the connection", receive(t, gone, "end of the connection"), "")
}

// gathering is a backend that answers when it has a number of requests, each on
// a connection of its own. It has no goroutines for connections.
func gathering(t *testing.T, requests int) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var conns []net.Conn
	var done sync.WaitGroup
	done.Go(func() {
		for range requests {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			conns = append(conns, conn)
		}
		var head [4096]byte
		for _, conn := range conns {
			n := 0
			for !bytes.Contains(head[:n], []byte("\r\n\r\n")) {
				m, err := conn.Read(head[n:])
				if err != nil {
					return
				}
				n += m
			}
		}
		for _, conn := range conns {
			_, _ = conn.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		done.Wait()
		for _, conn := range conns {
			_ = conn.Close()
		}
	})
	return ln.Addr().String()
}

// Idle connections cost neither goroutines nor buffers.
func TestIdleConnectionsAreCheap(t *testing.T) {
	if overNet {
		return // net/http has two goroutines for each
	}
	const n = 400
	cfg := to(gathering(t, n))
	cfg.Transport = &config.Transport{KeepAlive: &config.KeepAlive{MaxIdleConnsPerHost: n}}
	h := provision(t, cfg)
	t.Cleanup(h.release)
	h.proxy.logger = zap.NewNop()
	goroutines := runtime.NumGoroutine()
	before := heap()
	var clients sync.WaitGroup
	for range n {
		clients.Go(func() {
			w := &discard{header: make(http.Header)}
			if err := h.proxy.ServeHTTP(w, smallGET(w)); err != nil {
				t.Error(err)
			}
		})
	}
	clients.Wait()
	transport := h.pool.Snapshot().Tiers[0].Members[0].Transport.(*http1Transport)
	transport.idle.mu.Lock()
	idle := len(transport.idle.conns)
	transport.idle.mu.Unlock()
	wantEqual(t, "idle connections", idle, n)
	eventually(t, "goroutines to end", func() bool { return runtime.NumGoroutine() <= goroutines+1 })
	h.mu.Lock()
	h.outcomes = nil
	h.mu.Unlock()
	each := (int64(heap()) - int64(before)) / n
	t.Logf("%d bytes for each connection, and the backend's side of it", each)
	if each > 4<<10 {
		t.Error("that is too much")
	}
	runtime.KeepAlive(transport)
}

// heap returns how much memory is in use, without free buffers.
func heap() uint64 {
	for range 3 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	http1Buffers.mu.Lock()
	defer http1Buffers.mu.Unlock()
	return m.HeapAlloc - uint64(len(http1Buffers.free))*http1BufferSize
}
