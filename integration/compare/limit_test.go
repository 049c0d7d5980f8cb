package compare

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A limit on requests in flight, and more clients than that at the same time.
func TestLimit(t *testing.T) {
	const limit = 10
	compare(t, "200 clients at once, `unhealthy_request_count 10`, one backend", "most requests at once at the backend", func(t *testing.T, d directive) string {
		var now, most atomic.Int64
		b := newBackend(t, func(http.ResponseWriter, *http.Request) {
			n := now.Add(1)
			defer now.Add(-1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			time.Sleep(20 * time.Millisecond) // what a request takes
		})
		s := serve(t, d, fmt.Sprintf("lb_policy round_robin\nunhealthy_request_count %d", limit), b.addr)
		client := newClient(t, 200)
		for range scale(3, 20) {
			begin := make(chan struct{})
			var wg sync.WaitGroup
			for range 200 {
				wg.Go(func() {
					<-begin
					send(client, s.get())
				})
			}
			close(begin)
			wg.Wait()
		}
		want(t, d, most.Load() <= limit, "%d requests at once", most.Load())
		return fmt.Sprint(most.Load())
	})
}

// All backends fail, and requests may be retried ten times.
func TestStorm(t *testing.T) {
	const clients, most = 100, 10
	compare(t, "all of 3 backends answer 503 after 5 ms, 100 clients, `lb_retries 10`", "requests to backends for each of a client", func(t *testing.T, d directive) string {
		list, addrs := newBackends(t, 3, func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(5 * time.Millisecond) // what a request takes
			w.WriteHeader(http.StatusServiceUnavailable)
		})
		s := serve(t, d, fmt.Sprintf("lb_policy round_robin\nlb_retries %d\nlb_retry_match `{rp.status_code} == 503`", most), addrs...)
		result := s.clients(clients, times(scale(2000, 5000)), s.get)
		perRequest := float64(sum(list)) / float64(result.requests)
		want(t, d, perRequest < 1.4, "%.2f attempts per request", perRequest)
		return fmt.Sprintf("%.2f", perRequest)
	})
}
