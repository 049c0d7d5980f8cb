package integration

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// capped is a backend that does best with a certain number of requests at once.
type capped struct {
	now, most atomic.Int64
}

// ServeHTTP implements http.Handler.
func (c *capped) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	n := c.now.Add(1)
	defer c.now.Add(-1)
	for {
		if most := c.most.Load(); n <= most || c.most.CompareAndSwap(most, n) {
			break
		}
	}
	<-time.After(10 * time.Millisecond) // its work
	_, _ = fmt.Fprint(w, "ok")
}

// TestQueueBesideReverseProxy has more clients than two backends may serve at
// once, for a while: with a queue, and with what reverse_proxy has in place of
// it. The table in docs/resilience.md is made of what it logs with -v.
func TestQueueBesideReverseProxy(t *testing.T) {
	const limit, clients, lasts = 4, 40, 2 * time.Second
	for _, c := range []struct{ name, directive, options string }{
		{"load_balance", "load_balance", "unhealthy_request_count 4\n\t\tqueue 100 10s"},
		{"reverse_proxy", "reverse_proxy", "unhealthy_request_count 4\n\t\tlb_try_duration 10s"},
		{"reverse_proxy, 10ms", "reverse_proxy", "unhealthy_request_count 4\n\t\tlb_try_duration 10s\n\t\tlb_try_interval 10ms"},
	} {
		t.Run(c.name, func(t *testing.T) {
			front, ports, backends := freeAddr(t), []int{freePort(t), freePort(t)}, []*capped{{}, {}}
			for i, b := range backends {
				startBackend(t, ports[i], b)
			}
			p := startCaddy(t, fmt.Sprintf("http://%s {\n\t%s 127.0.0.1:%d 127.0.0.1:%d {\n\t\t%s\n\t}\n}\n",
				front, c.directive, ports[0], ports[1], c.options), "caddyfile")
			client := newClient(t, &http.Transport{MaxIdleConnsPerHost: clients})
			took, failed := hammer(client, "http://"+front, clients, lasts)
			most := max(backends[0].most.Load(), backends[1].most.Load())
			n := len(took)
			if n == 0 {
				t.Fatal("no request was served")
			}
			t.Logf("%s: %.0f/s, at most %d at once, took 50 %%: %s, 99 %%: %s, all: %s; %d failed", c.name,
				float64(n)/lasts.Seconds(), most, took[n/2].Round(time.Millisecond),
				took[n*99/100].Round(time.Millisecond), took[n-1].Round(time.Millisecond), failed)
			if c.directive == "load_balance" && (most > limit || failed > 0) {
				t.Errorf("%d requests at once, where %d are allowed; %d failed\n%s", most, limit, failed, p.Log())
			}
		})
	}
}

// hammer has clients make requests one after the other, and returns how long each
// took that was served, sorted.
func hammer(client *http.Client, url string, clients int, lasts time.Duration) (took []time.Duration, failed int) {
	var mu sync.Mutex
	var all sync.WaitGroup
	for end := time.Now().Add(lasts); clients > 0; clients-- {
		all.Go(func() {
			for time.Now().Before(end) {
				began := time.Now()
				a, err := send(client, http.MethodGet, url, "")
				mu.Lock()
				if err == nil && a.StatusCode == http.StatusOK {
					took = append(took, time.Since(began))
				} else {
					failed++
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	slices.Sort(took)
	return took, failed
}
