package operate

import (
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
	"github.com/caddy-loadbalance/caddy-loadbalance/integration/websocket"
)

// server is a backend. It answers with what it got, and knows since when it
// must not get anything.
type server struct {
	id, addr string

	version  atomic.Int64
	closedAt atomic.Int64 // requests that were sent after this are wrong
	got      atomic.Int64
	wrong    atomic.Int64
	busy     atomic.Int64                  // requests in flight
	held     atomic.Pointer[chan struct{}] // once it is closed, requests for /hold are answered

	mu       sync.Mutex
	http     *http.Server
	served   chan struct{}
	sockets  sync.WaitGroup
	hijacked map[net.Conn]bool
}

func startServer(t *testing.T, id string) *server {
	t.Helper()
	b := &server{id: id, addr: process.Addr(t), hijacked: make(map[net.Conn]bool)}
	b.version.Store(1)
	b.mayServe(true)
	if err := b.up(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.down()
		b.sockets.Wait()
		if n := b.wrong.Load(); n > 0 {
			t.Errorf("%s got %d requests that were sent after it was taken out", b.id, n)
		}
	})
	return b
}

// mayServe says whether requests that are sent from now on are right here.
func (b *server) mayServe(yes bool) {
	if yes {
		b.closedAt.Store(math.MaxInt64)
		return
	}
	b.closedAt.Store(now())
}

func (b *server) up() error {
	ln, err := net.Listen("tcp", b.addr)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	served := make(chan struct{})
	b.served = served
	b.http = &http.Server{Handler: b, ConnState: b.noteHijacked}
	go func(s *http.Server) {
		defer close(served)
		_ = s.Serve(ln)
	}(b.http)
	return nil
}

// down ends the server as a crash does, with all connections.
func (b *server) down() {
	b.mu.Lock()
	defer b.mu.Unlock()
	_ = b.http.Close()
	<-b.served
	for conn := range b.hijacked {
		_ = conn.Close()
	}
	clear(b.hijacked)
}

// restart brings up the next version in its place.
func (b *server) restart() error {
	b.down()
	b.version.Add(1)
	return b.up()
}

func (b *server) noteHijacked(conn net.Conn, state http.ConnState) {
	if state == http.StateHijacked {
		b.mu.Lock()
		b.hijacked[conn] = true
		b.mu.Unlock()
	}
}

// ServeHTTP implements http.Handler.
func (b *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/health" {
		return
	}
	if websocket.Asked(r) {
		b.sockets.Add(1)
		defer b.sockets.Done()
		websocket.Serve(w, r, b.id)
		return
	}
	b.busy.Add(1)
	defer b.busy.Add(-1)
	if r.URL.Path == "/hold" {
		<-*b.held.Load()
		return
	}
	sent, err := strconv.ParseInt(r.Header.Get("X-Sent"), 10, 64)
	if err != nil || sent > b.closedAt.Load() {
		b.wrong.Add(1)
	}
	b.got.Add(1)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	w.Header().Set("Backend", b.id)
	w.Header().Set("Version", fmt.Sprint(b.version.Load()))
	_, _ = fmt.Fprintf(w, "%s %s", r.Header.Get("Request-Id"), body)
}
