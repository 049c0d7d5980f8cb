package health

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// NewPassive returns an observer that ejects a backend when as many of its
// requests have failed within `fail_duration` as `max_fails` says, until enough
// of these failures are forgotten. It returns nil if passive checks are off.
//
// A failure is a backend that could not be reached or misbehaved, a response
// with an unhealthy status, or one that took too long to begin. What clients
// cause, or this machine, never is.
func NewPassive(cfg *config.PassiveHealth) pool.Observer {
	if cfg == nil || cfg.FailDuration <= 0 {
		return nil
	}
	return &passive{
		remember: time.Duration(cfg.FailDuration), maxFails: max(cfg.MaxFails, 1),
		statuses: cfg.UnhealthyStatus, slow: time.Duration(cfg.UnhealthyLatency),
	}
}

// passive is the observer of one pool. What it remembers is with the backends,
// so that it outlives the config.
type passive struct {
	remember time.Duration
	maxFails int
	statuses []int
	slow     time.Duration // 0: off
}

// Observe implements [pool.Observer].
func (p *passive) Observe(m *pool.Member, o pool.Outcome) {
	if p.healthy(&o) {
		return
	}
	now := time.Now()
	f, ok := m.Attachment(newFailures).(*failures)
	if !ok {
		return // another observer's
	}
	until, eject := f.add(now, p.remember, p.maxFails)
	if eject {
		m.Pool().Eject(m.Backend, until, p.reason(&o))
	}
}

func (p *passive) healthy(o *pool.Outcome) bool {
	switch o.Verdict {
	case pool.Failed:
		return false
	case pool.Answered:
		return !p.unhealthyStatus(o.Status) && !p.tooSlow(o)
	}
	return true
}

func (p *passive) unhealthyStatus(status int) bool {
	return slices.ContainsFunc(p.statuses, func(code int) bool { return caddyhttp.StatusCodeMatches(status, code) })
}

func (p *passive) tooSlow(o *pool.Outcome) bool { return p.slow > 0 && o.Latency >= p.slow }

// reason returns why the backend is ejected, for people.
func (p *passive) reason(o *pool.Outcome) string {
	var last string
	switch {
	case o.Verdict == pool.Answered && p.unhealthyStatus(o.Status):
		last = fmt.Sprintf("HTTP %d", o.Status)
	case o.Verdict == pool.Answered:
		last = "response took " + o.Latency.Round(time.Millisecond).String()
	case o.Err != nil:
		last = describe(o.Err, o.Latency.Round(time.Millisecond))
	default:
		last = "no response"
	}
	if p.maxFails == 1 {
		return last
	}
	return fmt.Sprintf("%d failures within %s, the last: %s", p.maxFails, p.remember, last)
}

// minExtension is how much longer an ejection must become for the pool to be
// told, so that a burst of failures does not tell it once for each.
const minExtension = time.Millisecond

// failures are the latest failures of one backend, the oldest first; no more
// of them than are needed to eject it.
type failures struct {
	mu    sync.Mutex
	times []time.Time
	until time.Time // end of the ejection that the pool was told last
}

func newFailures() any { return new(failures) }

// add remembers a failure at time now and reports whether the pool must eject
// the backend, and until when: the time at which fewer than limit failures are
// remembered, each for the given duration.
func (f *failures) add(now time.Time, remember time.Duration, limit int) (until time.Time, eject bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.times) > 0 && now.Sub(f.times[0]) >= remember {
		f.times = f.times[1:]
	}
	f.times = append(f.times, now)
	if surplus := len(f.times) - limit; surplus > 0 {
		f.times = f.times[surplus:]
	}
	if len(f.times) < limit {
		return time.Time{}, false
	}
	until = f.times[0].Add(remember)
	if until.Sub(f.until) < minExtension {
		return time.Time{}, false
	}
	f.until = until
	return until, true
}

var _ pool.Observer = (*passive)(nil)
