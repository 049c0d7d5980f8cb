//go:build unix

package health

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// TestTenThousandSockets probes ten thousand backends over real connections:
// all must be probed again and again, none may fail, and no more at a time than
// allowed. What that costs is logged; it includes the servers' side of the
// connections, which is in this process too.
func TestTenThousandSockets(t *testing.T) {
	const (
		n        = 10_000
		limit    = 256
		interval = 2 * time.Second
	)
	var servers []string // several, for enough ports on this side
	for range 8 {
		servers = append(servers, rawServer(t, "tcp", func(net.Conn) {}).Addr().String())
	}
	var open, most, dials, failed atomic.Int64
	dialer := &net.Dialer{KeepAlive: -1} // as a connector should have it
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		now := open.Add(1)
		defer open.Add(-1)
		for was := most.Load(); now > was && !most.CompareAndSwap(was, now); was = most.Load() {
		}
		return dialer.DialContext(ctx, network, servers[dials.Add(1)%int64(len(servers))])
	}
	var mu sync.Mutex
	probes := make(map[string]int, n)
	var atLeast [4]int // how many backends were probed that often
	progress := make(chan struct{}, 1)
	opts := Options{MaxConcurrent: limit, OnProbe: func(_ string, b *pool.Backend, c pool.Check) {
		if !c.OK {
			failed.Add(1)
		}
		mu.Lock()
		defer mu.Unlock()
		if probes[b.ID()]++; probes[b.ID()] < len(atLeast) {
			atLeast[probes[b.ID()]]++
		}
		select {
		case progress <- struct{}{}:
		default:
		}
	}}
	await := func(times int) {
		t.Helper()
		deadline := time.After(2 * time.Minute)
		for {
			select {
			case <-progress:
			case <-deadline:
				t.Fatalf("%d of %d backends were probed %d times", atLeast[times], n, times)
			}
			mu.Lock()
			reached := atLeast[times] == n
			mu.Unlock()
			if reached {
				return
			}
		}
	}

	cpu, wall := cpuTime(t), time.Now()
	measure := func(what string, probes int64) {
		per := (cpuTime(t) - cpu) / time.Duration(probes)
		t.Logf("%s: %d in %s, %s of processor time each: %.1f%% of a core for %d backends every 10s",
			what, probes, time.Since(wall).Round(time.Millisecond), per, 100*float64(n)*per.Seconds()/10, n)
		cpu, wall = cpuTime(t), time.Now()
	}
	r := newRig(t, n, every(interval, 5*time.Second), opts, dial)
	cpu, wall = cpuTime(t), time.Now()
	await(1)
	first := dials.Load()
	measure("all at once", first)
	await(3)
	measure("from then on", dials.Load()-first)
	r.checker.Stop()

	cpu, wall = cpuTime(t), time.Now()
	for i := range n {
		conn, err := dialer.DialContext(t.Context(), "tcp", servers[i%len(servers)])
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
	}
	measure("for comparison, bare connections", n)

	if failed.Load() > 0 {
		t.Errorf("%d probes failed", failed.Load())
	}
	if most.Load() > limit {
		t.Errorf("%d probes at a time, want at most %d", most.Load(), limit)
	}
}
