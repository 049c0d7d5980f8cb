package fault

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

// backend is a server that plays a script, connection by connection.
type backend struct {
	freezer
	addr   string
	script atomic.Pointer[script]
	greet  atomic.Pointer[func(*net.TCPConn) bool] // before the first request; false: closed
	sick   atomic.Bool                             // health checks get 503

	flapping atomic.Int64 // health checks fail and pass in turn, this many in a row

	opened   atomic.Int64 // connections, those of health checks too
	open     gauge        // of them
	requests atomic.Int64
	probes   atomic.Int64
	active   gauge // requests

	state   sync.Mutex
	ln      net.Listener
	conns   map[*net.TCPConn]bool
	seen    map[uint64]int   // how often
	faults  map[uint64]class // what the client must get for it
	wrong   []string
	serving sync.WaitGroup
}

// script answers a request. It reports whether the connection goes on.
type script func(c *call) bool

// call is a request as a backend has it.
type call struct {
	ask
	b    *backend
	conn *net.TCPConn
	nth  int // on the connection, from 0
	body *http.Request
}

func startBackend(t *testing.T, play script) *backend {
	t.Helper()
	b := &backend{conns: map[*net.TCPConn]bool{}, seen: map[uint64]int{}, faults: map[uint64]class{}}
	b.play(play)
	b.addr = process.Addr(t)
	b.up(t)
	t.Cleanup(func() {
		b.thaw()
		b.down()
		b.serving.Wait()
		for _, wrong := range b.wrong {
			t.Errorf("backend %s: %s", b.addr, wrong)
		}
	})
	return b
}

// play has the backend play another script from the next request on.
func (b *backend) play(s script) { b.script.Store(&s) }

// up has the backend listen.
func (b *backend) up(t *testing.T) {
	t.Helper()
	ln, err := net.Listen("tcp", b.addr)
	if err != nil {
		t.Fatal(err)
	}
	b.state.Lock()
	b.ln = ln
	b.state.Unlock()
	b.serving.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			b.pass()
			b.serve(conn.(*net.TCPConn), ln)
		}
	})
}

// down has connections refused, and resets all that there are.
func (b *backend) down() {
	b.state.Lock()
	defer b.state.Unlock()
	if b.ln == nil {
		return
	}
	_ = b.ln.Close()
	b.ln = nil
	for conn := range b.conns {
		reset(conn)
	}
}

// reset closes the connection with an RST.
func reset(conn *net.TCPConn) {
	_ = conn.SetLinger(0)
	_ = conn.Close()
}

func (b *backend) serve(conn *net.TCPConn, ln net.Listener) {
	b.state.Lock()
	if b.ln != ln { // accepted before it went down
		b.state.Unlock()
		reset(conn)
		return
	}
	b.conns[conn] = true
	b.state.Unlock()
	b.opened.Add(1)
	b.open.up()
	b.serving.Go(func() {
		defer func() {
			b.state.Lock()
			delete(b.conns, conn)
			b.state.Unlock()
			b.open.down()
		}()
		b.converse(conn)
	})
}

func (b *backend) converse(conn *net.TCPConn) {
	defer conn.Close()
	if greet := b.greet.Load(); greet != nil && !(*greet)(conn) {
		return
	}
	r := bufio.NewReader(conn)
	for nth := 0; ; nth++ {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		b.pass()
		if strings.HasPrefix(req.URL.Path, "/health") {
			if !b.probed(conn) {
				return
			}
			continue
		}
		a, err := parseAsk(req.Method, req.URL)
		if err != nil || req.Header.Get("Request-Id") != fmt.Sprint(a.id) {
			b.complain("got %s %s with the id %q: %v", req.Method, req.URL, req.Header["Request-Id"], err)
			return
		}
		b.requests.Add(1)
		b.active.up()
		b.state.Lock()
		b.seen[a.id]++
		b.state.Unlock()
		goesOn := (*b.script.Load())(&call{a, b, conn, nth, req})
		b.active.down()
		if !goesOn {
			return
		}
	}
}

func (b *backend) probed(conn net.Conn) bool {
	answer := "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	defer b.probes.Add(1)
	if b.sick.Load() || flaps(b.flapping.Load(), &b.probes) {
		answer = "HTTP/1.1 503 Sick\r\nContent-Length: 0\r\n\r\n"
	}
	_, err := io.WriteString(conn, answer)
	return err == nil
}

// complain fails the test when it ends.
func (b *backend) complain(format string, args ...any) {
	b.state.Lock()
	defer b.state.Unlock()
	if len(b.wrong) < 10 {
		b.wrong = append(b.wrong, fmt.Sprintf(format, args...))
	}
}

// saw returns how often a request has come.
func (b *backend) saw(id uint64) int {
	b.state.Lock()
	defer b.state.Unlock()
	return b.seen[id]
}

// faulted returns what clients must have got for requests that the backend has
// failed.
func (b *backend) faulted() map[uint64]class {
	b.state.Lock()
	defer b.state.Unlock()
	return maps.Clone(b.faults)
}

// forget begins another scenario.
func (b *backend) forget() {
	b.state.Lock()
	defer b.state.Unlock()
	clear(b.faults)
	clear(b.seen)
}

// gauge is a number that goes up and down, and its peak.
type gauge struct{ now, peak atomic.Int64 }

func (g *gauge) up() {
	n := g.now.Add(1)
	for peak := g.peak.Load(); n > peak && !g.peak.CompareAndSwap(peak, n); peak = g.peak.Load() {
	}
}

func (g *gauge) down() { g.now.Add(-1) }
