package main

import (
	"context"
	"slices"

	"github.com/caddy-loadbalance/caddy-loadbalance/bench/internal/load"
	"github.com/caddy-loadbalance/caddy-loadbalance/bench/internal/peer"
	"github.com/caddy-loadbalance/caddy-loadbalance/bench/internal/report"
)

// part of the capacity of reverse_proxy is the rate of open loops: busy, but
// not so much that queues grow.
const part = 0.6

// setRate sets the rate of a work's open loop. Unless the options have one,
// it depends on how many requests reverse_proxy manages in a closed loop, so
// that it is the same for all proxies, and none has it too easy or too hard.
func (b *bench) setRate(ctx context.Context, w work) error {
	if b.rate > 0 {
		b.openRate = b.rate
		return nil
	}
	w.drive = load.Wrk
	managed := make([]float64, b.rounds)
	for i := range managed {
		sample, err := b.round(ctx, w, peer.Caddy(b.caddy, peer.ReverseProxy))
		if err != nil {
			return err
		}
		managed[i] = sample[report.Throughput]
	}
	slices.Sort(managed)
	capacity := managed[len(managed)/2]
	b.openRate = int(part * capacity)
	progress("%s: reverse_proxy manages %.0f requests/s, so the rate is %d", w.title, capacity, b.openRate)
	return nil
}
