package proxy

import (
	"math/rand/v2"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// backOff waits before the next attempt, if that can only go to a backend that
// was tried before: waiting spares one that has just failed, and no other. If
// the last attempt went to such a one, others were not to be had, whatever it
// looks like. It reports false if trying has to end.
func (x *exchange) backOff() bool {
	if !x.again && x.untriedLeft() {
		return true
	}
	wait := x.proxy.retry.steady()
	if x.proxy.retry.interval == 0 {
		wait = growing(x.waits, rand.Float64())
	}
	x.waits++
	return x.sleep(wait)
}

// growing returns how long to wait for the n-th time, from 0 on, random being
// within 0 to 1: exponential backoff with equal jitter,
//
//	ceiling = min(max, first · 2ⁿ)
//	wait    = ceiling/2 + random · ceiling/2
//
// as in "Exponential Backoff And Jitter", Marc Brooker, AWS Architecture Blog,
// 2015. Half of it is not random, so that no two attempts follow at once.
func growing(n int, random float64) time.Duration {
	ceiling := config.DefaultTryInterval
	if n < 10 {
		ceiling = min(ceiling, config.DefaultFirstTryInterval<<n)
	}
	return ceiling/2 + time.Duration(random*float64(ceiling)/2)
}

// steady returns how long to wait where waits do not grow: as long as was
// configured, give or take a fifth.
func (r *retryRules) steady() time.Duration {
	interval := r.interval
	if interval == 0 {
		interval = config.DefaultTryInterval
	}
	return jittered(interval, rand.Float64())
}

// jittered returns between 80 % and 120 % of d, random being within 0 to 1.
func jittered(d time.Duration, random float64) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*random))
}

// untriedLeft reports whether a backend that accepts was not tried yet.
func (x *exchange) untriedLeft() bool {
	for _, tier := range x.proxy.pool.Snapshot().Tiers {
		for _, m := range tier.Members {
			if !x.query.Tried(m.Backend) && !m.Full() {
				return true
			}
		}
	}
	return false
}

// sleep waits for d, at most until trying has to end. It reports false if that
// is so already, or the client leaves, or what comes of its body is bad.
func (x *exchange) sleep(d time.Duration) bool {
	if left, limited := x.untilDeadline(); limited {
		if left <= 0 {
			return false
		}
		d = min(d, left)
	}
	ctx, watch, end := x.waitContext()
	defer end()
	watch()
	x.proxy.pool.Suspend(&x.query)
	defer x.proxy.pool.Resume(&x.query)
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
