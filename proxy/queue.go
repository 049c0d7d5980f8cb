package proxy

import (
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// acquire gets a slot on a backend for the next attempt. If there is none, the
// request waits for one in the pool's queue, or, where there is no queue, as
// long as backends are tried.
func (x *exchange) acquire() (*pool.Member, error) {
	m, err := x.proxy.pool.Acquire(&x.query)
	if err == nil {
		return m, nil
	}
	ctx, watch, end := x.waitContext()
	defer end()
	x.query.OnWait = watch
	return x.proxy.pool.Wait(ctx, &x.query, x.waitsUntil(time.Now()))
}

// waitsUntil returns when trying has to end, at the latest; zero if nothing but
// the queue says so.
func (x *exchange) waitsUntil(now time.Time) (end time.Time) {
	rules := &x.proxy.retry
	if rules.duration > 0 {
		end = x.start.Add(rules.duration)
	}
	// Without a queue to say how long, each interval of waiting counts as a
	// retry, as with reverse_proxy.
	if x.proxy.pool.Queues() || rules.retries == 0 || rules.interval == 0 && rules.duration == 0 {
		return end
	}
	interval := rules.interval
	if interval == 0 {
		interval = config.DefaultTryInterval
	}
	if last := now.Add(interval * time.Duration(rules.retries-x.retries)); end.IsZero() || last.Before(end) {
		end = last
	}
	return end
}
