package proxy

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
)

func TestUncleanConnectionsAreNotReused(t *testing.T) {
	const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
	for _, c := range []struct{ name, request, response string }{
		{"backend says close", get, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"},
		{"backend says close among others", get, "HTTP/1.1 200 OK\r\nConnection: foo, close\r\nContent-Length: 2\r\n\r\nok"},
		{"HTTP/1.0", get, "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"},
		{"extra bytes", get, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok\r\n"},
		{"extra bytes behind chunks", get, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n\r\n"},
		{"extra bytes on HEAD", "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"},
		{"request not written whole", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nstart", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"},
		{"truncated", get, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no"},
		{"malformed", get, "HTTP/1.1 200 OK\nContent-Length: 2\n\nok"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conns := make(chan int, 10)
			ended := make(chan struct{}, 10)
			h := start(t, to(rawBackend(t, func(p *peer) {
				if p.head() == "" {
					return
				}
				conns <- p.n
				p.send(c.response)
				if c.name == "truncated" {
					return
				}
				p.rest() // until the proxy closes
				ended <- struct{}{}
			})))
			for n := range 3 {
				client := h.dial()
				client.send(c.request)
				if head := client.head(); !strings.HasPrefix(head, "HTTP/1.1 200") && !strings.HasPrefix(head, "HTTP/1.1 502") {
					t.Fatalf("head %q", head)
				}
				wantEqual(t, "connection", receive(t, conns, "request"), n)
				_ = client.Close()
				if c.name != "truncated" {
					receive(t, ended, "backend connection to be closed")
				}
			}
		})
	}
}

// Many clients share connections to a backend that misbehaves now and then.
// Whatever happens, nobody gets what was meant for another.
func TestNobodyGetsAnothersResponse(t *testing.T) {
	backend := rawBackend(t, func(p *peer) {
		for {
			head := p.head()
			if head == "" {
				return
			}
			id := strings.TrimPrefix(strings.Fields(head)[1], "/")
			good := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(id), id)
			if rand.IntN(2) == 0 {
				good = fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(id), id)
			}
			switch rand.IntN(12) {
			case 0:
				p.send(good + good)
			case 1:
				p.send(good + "\r\n")
			// not in two pieces: nobody can tell a second response from that
			// to the next request if it comes behind that request
			case 2:
				p.send(good[:1])
				p.send(good[1:] + good)
			case 3:
				p.send(good[:len(good)-1])
				return
			case 4:
				p.send(good)
				return
			case 5:
				return
			default:
				p.send(good)
			}
		}
	})
	h := start(t, to(backend))
	var wg sync.WaitGroup
	var mu sync.Mutex
	answered := 0
	for worker := range 16 {
		wg.Go(func() {
			for i := range 40 {
				id := fmt.Sprintf("request-%d-%d", worker, i)
				res, body := h.exchange("GET /" + id + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
				if res.StatusCode != 200 {
					continue
				}
				if body != id && !strings.HasSuffix(body, "<unexpected EOF>") {
					t.Errorf("%s got %q", id, body)
				}
				mu.Lock()
				answered++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if answered < 16*40/2 {
		t.Errorf("only %d requests were answered", answered)
	}
}
