package compare

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// A backend takes orders, and its connection ends before it has answered.
func TestOrders(t *testing.T) {
	compare(t, "one of 3 backends carries out `POST` requests but dies before it answers; `lb_retries 3`", "requests of 300 that were carried out twice", func(t *testing.T, d directive) string {
		var mu sync.Mutex
		seen := make(map[string]int)
		carryOut := func(r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			mu.Lock()
			defer mu.Unlock()
			seen[string(body)]++
		}
		_, addrs := newBackends(t, 2, func(_ http.ResponseWriter, r *http.Request) { carryOut(r) })
		dying := newBackend(t, func(_ http.ResponseWriter, r *http.Request) {
			carryOut(r)
			panic(http.ErrAbortHandler)
		})
		s := serve(t, d, "lb_policy round_robin\nlb_retries 3\nrequest_buffers 4KiB", append(addrs, dying.addr)...)
		var id int
		s.clients(4, times(300), func() *http.Request {
			mu.Lock()
			id++
			body := fmt.Sprint("order ", id)
			mu.Unlock()
			r, err := http.NewRequest(http.MethodPost, "http://"+s.front+"/", strings.NewReader(body))
			if err != nil {
				panic(err)
			}
			return r
		})
		mu.Lock()
		defer mu.Unlock()
		twice := 0
		for _, n := range seen {
			if n > 1 {
				twice++
			}
		}
		want(t, d, twice == 0, "%d", twice)
		want(t, d, len(seen) == 300, "%d of 300 were carried out", len(seen))
		return fmt.Sprint(twice)
	})
}

// A backend ends its connection in the middle of a response.
func TestTruncated(t *testing.T) {
	for _, c := range []struct{ name, block string }{
		{"a backend breaks off in the middle of its response", ""},
		{"the same with `response_buffers 1MiB`", "response_buffers 1MiB"},
	} {
		compare(t, c.name, "responses of 200 that look complete", func(t *testing.T, d directive) string {
			complete := 0
			for _, head := range []string{"Content-Length: 1000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n3e8\r\n"} {
				addr := rawBackend(t, "HTTP/1.1 200 OK\r\n"+head+strings.Repeat("x", 500))
				s := serve(t, d, c.block, addr)
				result := s.clients(2, times(100), s.get)
				complete += result.statuses[http.StatusOK]
			}
			want(t, d, complete == 0, "%d", complete)
			return fmt.Sprint(complete)
		})
	}
}

// rawBackend runs a backend that answers one request of each connection with
// these bytes and ends it.
func rawBackend(t *testing.T, answer string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for conn, err := ln.Accept(); err == nil; conn, err = ln.Accept() {
			wg.Go(func() {
				defer conn.Close()
				head := make([]byte, 0, 4096)
				for !strings.HasSuffix(string(head), "\r\n\r\n") {
					var b [1]byte
					if _, err := conn.Read(b[:]); err != nil {
						return // such as a health check
					}
					head = append(head, b[0])
				}
				_, _ = io.WriteString(conn, answer)
			})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		wg.Wait()
	})
	return ln.Addr().String()
}
