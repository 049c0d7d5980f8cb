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
	interval time.Duration // 0: chosen here
	matchers caddyhttp.MatcherSets
	response caddyhttp.MatcherSets // those of matchers that look at responses
}

func newRetryRules(ctx caddy.Context, cfg config.Retry) (retryRules, error) {
	rules := retryRules{
		retries: cfg.Retries, duration: time.Duration(cfg.TryDuration),
		interval: time.Duration(cfg.TryInterval),
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

// attemptsLeft reports whether number and time allow another attempt. One that
// has begun is not ended when the time is over.
func (x *exchange) attemptsLeft() bool {
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
	if f.verdict == pool.ClientFault || f.verdict == pool.LocalFault || f.shown || !x.attemptsLeft() || !x.body.repeatable() {
		return false
	}
	if f.sent && !f.match && !x.safeToRepeat() {
		return false
	}
	waited := false
	if !f.match && !x.free() { // a response was thrown away within the budget
		var ok bool
		if waited, ok = x.withinBudget(); !ok {
			return false
		}
	}
	if x.proxy.cfg.VerboseLogs {
		if c := x.proxy.logger.Check(zapcore.DebugLevel, "trying another backend"); c != nil {
			c.Write(zap.Error(f.err), zap.Int("retries", x.retries))
		}
	}
	return waited || x.backOff()
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
func (a *attempt) retriesResponse() bool {
	x, rules := a.exchange, &a.proxy.retry
	if len(rules.response) == 0 || !x.attemptsLeft() || !x.body.repeatable() || a.interim.shown() || x.upgrade != "" && x.response.StatusCode < 300 {
		return false
	}
	for _, set := range rules.response {
		match, err := set.MatchWithError(x.r)
		if err != nil {
			x.proxy.logger.Error("matching response for retry", zap.Error(err))
			return false
		}
		if match {
			if x.proxy.pool.AllowRetry(&x.query) {
				return true
			}
			x.refusedRetry(fmt.Errorf("response has status %d", x.response.StatusCode))
			return false
		}
	}
	return false
}
