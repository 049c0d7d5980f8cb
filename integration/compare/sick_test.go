package compare

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"
)

// One of three backends fails every second request, for as long as it runs.
func TestHalfBroken(t *testing.T) {
	const failures = "fail_duration 1s\nmax_fails 3\nunhealthy_status 5xx"
	play := func(block map[directive]string) func(*testing.T, directive) string {
		return func(t *testing.T, d directive) string {
			var n atomic.Int64
			sick := newBackend(t, func(w http.ResponseWriter, _ *http.Request) {
				if n.Add(1)%2 == 0 {
					w.WriteHeader(http.StatusInternalServerError)
				}
			})
			_, addrs := newBackends(t, 2, ok)
			s := serve(t, d, "lb_policy round_robin\n"+block[d], append(addrs, sick.addr)...)
			result := s.clients(8, during(time.Duration(scale(5, 30))*time.Second, 20*time.Millisecond), s.get)
			return fmt.Sprintf("%.2f %%", 100*float64(result.errors())/float64(result.requests))
		}
	}
	compare(t, "one of 3 backends answers every second request with 500; `fail_duration 1s`, `max_fails 3`", "requests that fail",
		play(map[directive]string{theirs: failures, ours: failures}))
	compare(t, "the same, with `eject_time 1s 5m` for `load_balance`", "requests that fail",
		play(map[directive]string{theirs: failures, ours: failures + "\neject_time 1s 5m"}))
}

// A client sends a body that is malformed, and others send good requests.
func TestMalformedBody(t *testing.T) {
	compare(t, "one client sends a malformed body; `max_fails 1`, `fail_duration 10s`", "status for the next client", func(t *testing.T, d directive) string {
		b := newBackend(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			ok(w, r)
		})
		s := serve(t, d, "fail_duration 10s\nmax_fails 1", b.addr)
		client := newClient(t, 1)
		if status := send(client, s.get()); status != http.StatusOK {
			t.Fatalf("status %d before", status)
		}
		conn, err := net.Dial("tcp", s.front)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(patience))
		_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: "+s.front+"\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n")
		_, _ = io.Copy(io.Discard, io.LimitReader(conn, 1)) // until there is an answer
		status := send(client, s.get())
		want(t, d, status == http.StatusOK, "status %d", status)
		return fmt.Sprint(status)
	})
}
