package compare

import (
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

// backend is an HTTP server that counts what it gets, but for health checks,
// and can go down and come up.
type backend struct {
	t       *testing.T
	addr    string
	handler http.HandlerFunc
	server  *http.Server
	served  chan struct{}

	got  atomic.Int64
	sick atomic.Bool // fails its health checks
}

func newBackend(t *testing.T, handler http.HandlerFunc) *backend {
	t.Helper()
	b := &backend{t: t, addr: process.Addr(t), handler: handler}
	b.up()
	t.Cleanup(b.down)
	return b
}

// newBackends returns n of them, and their addresses.
func newBackends(t *testing.T, n int, handler http.HandlerFunc) (list []*backend, addrs []string) {
	t.Helper()
	for range n {
		b := newBackend(t, handler)
		list, addrs = append(list, b), append(addrs, b.addr)
	}
	return list, addrs
}

// ServeHTTP implements http.Handler.
func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path != "/health":
		b.got.Add(1)
		b.handler(w, r)
	case b.sick.Load():
		w.WriteHeader(http.StatusInternalServerError)
	}
}

func (b *backend) up() {
	b.t.Helper()
	ln, err := net.Listen("tcp", b.addr)
	if err != nil {
		b.t.Fatal(err)
	}
	b.server, b.served = &http.Server{Handler: b}, make(chan struct{})
	go func() {
		defer close(b.served)
		_ = b.server.Serve(ln)
	}()
}

func (b *backend) down() {
	if b.server == nil {
		return
	}
	_ = b.server.Close()
	<-b.served
	b.server = nil
}

func sum(list []*backend) (n int64) {
	for _, b := range list {
		n += b.got.Load()
	}
	return n
}

// ok is a handler that answers 200.
func ok(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) }
