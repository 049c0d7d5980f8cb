package compare

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

// One of three backends does not run, from the beginning, and nothing is
// configured but the backends.
func TestDownAtStart(t *testing.T) {
	compare(t, "one of 3 backends does not run, nothing but addresses configured", "requests of 3,000 that fail", func(t *testing.T, d directive) string {
		_, addrs := newBackends(t, 2, ok)
		s := serve(t, d, "", append(addrs, process.Addr(t))...)
		result := s.clients(8, times(3000), s.get)
		want(t, d, result.errors() <= 30, "%v", result.statuses)
		return fmt.Sprint(result.errors())
	})
}

// The one with most of the weight is down: the others share by theirs.
func TestSharesWithOneDown(t *testing.T) {
	compare(t, "`weighted_round_robin 5 1 1`, the first is down", "shares of the others", func(t *testing.T, d directive) string {
		list, addrs := newBackends(t, 2, ok)
		s := serve(t, d, "lb_policy weighted_round_robin 5 1 1\nlb_retries 2\nfail_duration 1m",
			append([]string{process.Addr(t)}, addrs...)...)
		s.clients(1, times(20), s.get) // after which the first one is out
		for _, b := range list {
			b.got.Store(0)
		}
		s.clients(1, times(700), s.get)
		first, second := list[0].got.Load(), list[1].got.Load()
		want(t, d, first == second, "%d and %d", first, second)
		return fmt.Sprintf("%d : %d", first, second)
	})
}

// All backends are down for a while.
func TestRecovery(t *testing.T) {
	const checks = "health_uri /health\nhealth_interval 1s\n"
	compare(t, "all of 3 backends down, then up again; `health_interval 1s`", "longest time until requests are answered again", recovery(checks))
	compare(t, "the same, with `fail_duration 10s` in addition", "the same", recovery(checks+"fail_duration 10s"))
}

func recovery(block string) func(*testing.T, directive) string {
	return func(t *testing.T, d directive) string {
		list, addrs := newBackends(t, 3, ok)
		s := serve(t, d, "lb_policy round_robin\n"+block, addrs...)
		client := newClient(t, 1)
		expect := func(status int) time.Duration {
			began := time.Now()
			for send(client, s.get()) != status {
				if time.Since(began) > patience {
					t.Fatalf("no status %d in %s", status, patience)
				}
				time.Sleep(time.Millisecond) // the pace of the client
			}
			return time.Since(began)
		}
		expect(http.StatusOK)
		var slowest time.Duration
		for range scale(1, 5) {
			for _, b := range list {
				b.down()
			}
			expect(http.StatusServiceUnavailable)
			for _, b := range list {
				b.up()
			}
			slowest = max(slowest, expect(http.StatusOK))
		}
		want(t, d, slowest < 2*time.Second, "%s", slowest)
		return fmt.Sprintf("%.1f s", slowest.Seconds())
	}
}

// The only backend is away for a second, for instance to be replaced.
func TestRestartOfTheOnlyBackend(t *testing.T) {
	compare(t, "the only backend restarts, which takes a second; 50 clients, `lb_try_duration 5s`", "requests that fail", func(t *testing.T, d directive) string {
		b := newBackend(t, ok)
		s := serve(t, d, "health_uri /health\nhealth_interval 500ms\nlb_try_duration 5s", b.addr)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range scale(1, 3) {
				time.Sleep(time.Second) // while it serves
				b.down()
				time.Sleep(time.Second) // while it does not
				b.up()
			}
			time.Sleep(time.Second)
		}()
		result := s.clients(50, until(done, 20*time.Millisecond), s.get)
		want(t, d, result.errors() == 0, "%v", result.statuses)
		return fmt.Sprintf("%d of %d", result.errors(), result.requests)
	})
}
