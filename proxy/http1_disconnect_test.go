package proxy

import (
	"fmt"
	"io"
	"net"
	"path"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// A thousand clients that leave abruptly leave nothing behind: no connection to
// the backend that is still in use, no goroutine, and nothing in flight.
func TestAbruptDisconnects(t *testing.T) {
	const clients, workers = 1000, 8
	var open atomic.Int64 // of the backend's connections
	var reached [clients]chan struct{}
	for n := range reached {
		reached[n] = make(chan struct{})
	}
	cfg := to(rawBackend(t, func(p *peer) {
		open.Add(1)
		defer open.Add(-1)
		for {
			head := p.head()
			if head == "" {
				return
			}
			target := strings.Fields(head)[1]
			switch {
			case target == "/":
				p.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
				continue
			case strings.HasPrefix(target, "/response"):
				p.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + strings.Repeat("x", 1000))
			case strings.HasPrefix(target, "/upload"):
				p.take(1000)
			}
			if n, err := strconv.Atoi(path.Base(target)); err == nil {
				close(reached[n])
			}
			p.rest() // until the proxy gives up
			return
		}
	}))
	h := start(t, cfg)
	h.exchange("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n") // for what stays
	h.wantIdle()
	goroutines := runtime.NumGoroutine()

	stages := [...]struct{ target, request string }{
		{"/before", "GET /before/%d HTTP/1.1\r\nHost: a\r\n\r\n"},
		{"/response", "GET /response/%d HTTP/1.1\r\nHost: a\r\n\r\n"},
		{"/upload", "POST /upload/%d HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + strings.Repeat("x", 1000)},
		{"/upload-chunks", "POST /upload-chunks/%d HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n" + strings.Repeat("x", 1024)},
		{"", "POST /head HTTP/1.1\r\nHost: a\r\nContent-Le"},
	}
	var running sync.WaitGroup
	var next atomic.Int64
	for range workers {
		running.Go(func() {
			for {
				n := int(next.Add(1)) - 1
				if n >= clients {
					return
				}
				stage := stages[n%len(stages)]
				conn, err := net.Dial("tcp", h.addr)
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.WriteString(conn, strings.Replace(stage.request, "%d", strconv.Itoa(n), 1))
				if stage.target == "/response" {
					_, _ = io.ReadFull(conn, make([]byte, 100))
				}
				if stage.target != "" {
					receive(t, reached[n], "request of client "+strconv.Itoa(n))
				}
				if n/len(stages)%2 == 0 {
					_ = conn.(*net.TCPConn).SetLinger(0)
				}
				_ = conn.Close()
			}
		})
	}
	running.Wait()
	h.wantIdle()
	eventually(t, "the backend's connections to end", func() bool { return open.Load() <= 1 })
	eventually(t, fmt.Sprintf("goroutines to end, all but %d", goroutines), func() bool { return runtime.NumGoroutine() <= goroutines })
	for _, v := range h.verdicts() {
		if v == pool.Failed {
			t.Fatal("a client that has left is counted against the backend")
		}
	}
	res, body := h.exchange("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	wantStatus(t, res, 200)
	wantEqual(t, "body", body, "ok")
}
