package main

import (
	"context"

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
	sample, err := b.round(ctx, w, peer.Caddys(b.caddy)[1])
	if err != nil {
		return err
	}
	b.openRate = int(part * sample[report.Throughput])
	progress("%s: reverse_proxy manages %.0f requests/s, so the rate is %d", w.title, sample[report.Throughput], b.openRate)
	return nil
}
