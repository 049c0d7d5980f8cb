package health

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// BenchmarkProbe measures what a probe costs besides its connection: picking
// the target, its context, the report to the pool, and its place in the queue.
func BenchmarkProbe(b *testing.B) {
	for _, n := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			c, finish := idleChecker(b, n)
			defer finish()
			now := time.Now()
			b.ReportAllocs()
			for b.Loop() {
				now = now.Add(2000 * time.Hour) // something is due
				c.mu.Lock()
				j := c.begin(c.queue.take(now), now)
				c.running++
				c.mu.Unlock()
				r := c.probe(&j)
				c.report(&j, r)
				c.finish(&j, &r)
			}
		})
	}
}

// BenchmarkWatch measures the time for which a pool is locked because its
// checker looks at targets that it knows already.
func BenchmarkWatch(b *testing.B) {
	for _, n := range []int{3, 100, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			c, finish := idleChecker(b, n)
			defer finish()
			var p *pool.Pool
			var targets []pool.Target
			for watched, of := range c.pools {
				p = watched
				for backend, t := range of {
					targets = append(targets, pool.Target{Backend: backend, Settings: t.settings, Connector: t.connector})
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				c.Watch(p, targets)
			}
		})
	}
}

// idleChecker returns a checker of n backends of which none is due soon.
func idleChecker(b *testing.B, n int) (c *Checker, finish func()) {
	b.Helper()
	probed := make(chan struct{}, n)
	opts := Options{OnProbe: func(string, *pool.Backend, pool.Check) {
		select {
		case probed <- struct{}{}:
		default:
		}
	}}
	r := newRig(b, n, every(1000*time.Hour, time.Second), opts, func(context.Context, string, string) (net.Conn, error) {
		return stubConn{}, nil
	})
	for range n {
		<-probed
	}
	r.checker.workers.Wait()
	return r.checker, r.checker.Stop
}
