package proxy

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// retryRules say when and how often a request is tried again.
type retryRules struct {
	retries  int
	duration time.Duration
	interval time.Duration
	chosen   bool // interval was configured, and not chosen here
	matchers caddyhttp.MatcherSets
	response caddyhttp.MatcherSets // those of matchers that look at responses
}

func newRetryRules(ctx caddy.Context, cfg config.Retry) (retryRules, error) {
	rules := retryRules{
		retries: cfg.Retries, duration: time.Duration(cfg.TryDuration),
		interval: time.Duration(cfg.TryInterval), chosen: cfg.TryInterval > 0,
	}
	if rules.interval == 0 && rules.duration > 0 {
		rules.interval = config.DefaultTryInterval
	}
	if len(cfg.MatchRaw) == 0 {
		return rules, nil
	}
	sets, err := ctx.LoadModule(&cfg, "MatchRaw")
	if err != nil {
		return rules, fmt.Errorf("lb_retry_match: %w", err)
	}
	if err := rules.matchers.FromInterface(sets); err != nil {
		return rules, fmt.Errorf("lb_retry_match: %w", err)
	}
	for _, set := range rules.matchers {
		if looksAtResponse(set) {
			rules.response = append(rules.response, set)
		}
	}
	return rules, nil
}

// looksAtResponse reports whether a matcher set has an expression that uses
// what is known of the response only.
func looksAtResponse(set caddyhttp.MatcherSet) bool {
	for _, m := range set {
		expr, ok := m.(*caddyhttp.MatchExpression)
		if ok && slices.ContainsFunc(expr.Placeholders(), ofResponse) {
			return true
		}
	}
	return false
}

// ofResponse reports whether a placeholder is of the response; one that has no
// fixed name may be.
func ofResponse(name string) bool {
	switch name {
	case "", "http.reverse_proxy.status_code", "http.reverse_proxy.status_text",
		"http.reverse_proxy.upstream.latency", "http.reverse_proxy.upstream.latency_ms",
		"http.load_balance.latency_ms":
		return true
	}
	return strings.HasPrefix(name, "http.reverse_proxy.header.")
}

func (x *exchange) untilDeadline() (left time.Duration, limited bool) {
	if d := x.proxy.retry.duration; d > 0 {
		return d - time.Since(x.start), true
	}
	return 0, false
}

// budgetLeft reports whether another attempt is allowed.
func (x *exchange) budgetLeft() bool {
	rules := &x.proxy.retry
	if rules.retries == 0 && rules.duration == 0 || rules.retries > 0 && x.retries >= rules.retries {
		return false
	}
	left, limited := x.untilDeadline()
	return !limited || left > 0
}

// mayRetry decides, after a failed attempt, whether there is to be another,
// and if so waits until it is time for it.
func (x *exchange) mayRetry() bool {
	f := x.failure
	if f.verdict == pool.ClientFault || f.verdict == pool.LocalFault || !x.budgetLeft() || !x.body.repeatable() {
		return false
	}
	if f.sent && !f.match && !x.safeToRepeat() {
		return false
	}
	if x.proxy.cfg.VerboseLogs {
		if c := x.proxy.logger.Check(zapcore.DebugLevel, "trying another backend"); c != nil {
			c.Write(zap.Error(f.err), zap.Int("retries", x.retries))
		}
	}
	wait := x.proxy.retry.interval
	if !x.proxy.retry.chosen && x.untriedLeft() {
		wait = 0 // waiting spares a backend that has just failed; no other
	}
	return wait == 0 || x.sleep(wait, nil) == slept
}

// safeToRepeat reports whether a request may be sent again although a backend
// may have acted on it.
func (x *exchange) safeToRepeat() bool {
	rules := &x.proxy.retry
	if len(rules.matchers) == 0 {
		return x.r.Method == http.MethodGet
	}
	x.transport = true
	defer func() { x.transport = false }()
	match, err := rules.matchers.AnyMatchWithError(x.r)
	if err != nil {
		x.proxy.logger.Error("matching request for retry", zap.Error(err))
	}
	return match && err == nil
}

// retriesResponse reports whether the response is to be thrown away and the
// request to be tried again. The last response is never thrown away.
func (x *exchange) retriesResponse() bool {
	rules := &x.proxy.retry
	if len(rules.response) == 0 || !x.budgetLeft() || !x.body.repeatable() || x.upgrade != "" && x.response.StatusCode < 300 {
		return false
	}
	for _, set := range rules.response {
		match, err := set.MatchWithError(x.r)
		if err != nil {
			x.proxy.logger.Error("matching response for retry", zap.Error(err))
			return false
		}
		if match {
			return true
		}
	}
	return false
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

// waitForBackend waits, when no backend could be acquired from snap, until it
// makes sense to try again. It reports false if trying has to end.
func (x *exchange) waitForBackend(snap *pool.Snapshot) bool {
	interval := x.proxy.retry.interval
	if interval == 0 || !x.budgetLeft() {
		return false
	}
	switch x.sleep(interval, snap.Replaced) {
	case woken:
		return true
	case slept:
		x.retries++
		return true
	}
	return false
}

type wakeup uint8

const (
	slept   wakeup = iota
	woken          // by the channel
	expired        // there is no time left, or no client
)

// sleep waits for d, at most until trying has to end, the client leaves, or
// the channel is closed.
func (x *exchange) sleep(d time.Duration, wake <-chan struct{}) wakeup {
	if x.proxy.retry.duration > 0 {
		left, _ := x.untilDeadline()
		if left <= 0 {
			return expired
		}
		d = min(d, left)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return slept
	case <-wake:
		return woken
	case <-x.r.Context().Done():
		return expired
	}
}
