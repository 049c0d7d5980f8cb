package health

import (
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// NewPassive returns an observer that ejects a backend when too many of its
// requests fail: as many within `fail_duration`, or else in a row, as
// `max_fails` says, or `fail_ratio` of them. It returns nil if passive checks
// are off.
//
// A failure is a backend that could not be reached or misbehaved, a response
// with an unhealthy status, or one that took too long to begin. What clients
// cause, or this machine, never is.
func NewPassive(cfg *config.PassiveHealth) pool.Observer {
	if !cfg.Enabled() {
		return nil
	}
	c := cfg.WithDefaults()
	return &passive{
		maxFails: c.MaxFails, remember: time.Duration(c.FailDuration),
		ratio: c.FailRatio, minRequests: uint64(c.MinRequests), window: c.Window(),
		timed:    c.EjectTime > 0,
		statuses: c.UnhealthyStatus, slow: time.Duration(c.UnhealthyLatency),
	}
}

// Ejections returns the rules of ejections that the settings amount to.
func Ejections(cfg *config.PassiveHealth) pool.Ejections {
	if !cfg.Enabled() {
		return pool.Ejections{}
	}
	c := cfg.WithDefaults()
	return pool.Ejections{Base: time.Duration(c.EjectTime), Max: time.Duration(c.MaxEjectTime), MaxPercent: c.MaxEjected}
}

// passive is the observer of one pool. What it remembers is with the backends,
// so that it outlives the config.
type passive struct {
	maxFails    int           // 0: off
	remember    time.Duration // failures that maxFails counts; 0: those in a row
	ratio       float64       // 0: off
	minRequests uint64
	window      time.Duration // of ratio
	timed       bool          // the pool knows for how long to eject
	statuses    []int
	slow        time.Duration // 0: off
}

// record is what is remembered of one backend.
type record struct {
	streak   streak
	failures failures
	window   window
	kept     atomic.Uint64 // number of the snapshot with which it was kept in last
}

func newRecord() any { return new(record) }

func (r *record) clear() {
	r.streak.clear()
	r.failures.clear()
	r.window.clear()
}

// Observe implements [pool.Observer].
func (p *passive) Observe(m *pool.Member, o pool.Outcome) {
	if o.Verdict != pool.Answered && o.Verdict != pool.Failed {
		return // it says nothing about the backend
	}
	healthy := p.healthy(&o)
	switch {
	case m.OnTrial() && healthy:
		p.recordOf(m).clear()
		m.Pool().Pass(m)
	case m.OnTrial():
		p.eject(m, time.Time{}, "failed again after its return: ", &o)
	case healthy:
		p.success(m)
	default:
		p.failure(m, &o)
	}
}

func (p *passive) healthy(o *pool.Outcome) bool {
	return o.Verdict == pool.Answered && !p.unhealthyStatus(o.Status) && !p.tooSlow(o)
}

func (p *passive) unhealthyStatus(status int) bool {
	return slices.ContainsFunc(p.statuses, func(code int) bool { return caddyhttp.StatusCodeMatches(status, code) })
}

func (p *passive) tooSlow(o *pool.Outcome) bool { return p.slow > 0 && took(o) >= p.slow }

// took returns how long the backend took to begin its response, without the
// time in which the client had it wait for the request's body.
func took(o *pool.Outcome) time.Duration { return max(o.Latency-o.ClientTime, 0) }

func (p *passive) recordOf(m *pool.Member) *record {
	r, ok := m.Attachment(newRecord).(*record)
	if !ok {
		return new(record) // another observer's: nothing can be remembered
	}
	return r
}

func (p *passive) success(m *pool.Member) {
	if p.ratio > 0 {
		p.recordOf(m).window.add(pieceOf(time.Now(), p.window), 1, 0)
	}
	if p.maxFails > 0 && p.remember == 0 {
		if r, ok := m.Attachment(nil).(*record); ok {
			r.streak.success()
		}
	}
}

func (p *passive) failure(m *pool.Member, o *pool.Outcome) {
	now := time.Now()
	until, why := p.judge(p.recordOf(m), now, o.Late)
	if why == "" {
		return
	}
	if p.timed {
		until = time.Time{}
	}
	if why += ", the last: "; p.maxFails == 1 && p.ratio == 0 {
		why = ""
	}
	p.eject(m, until, why, o)
}

// eject has the backend ejected, unless it was kept in with this very snapshot:
// nothing has changed since then.
func (p *passive) eject(m *pool.Member, until time.Time, why string, o *pool.Outcome) {
	r, number := p.recordOf(m), m.Pool().Snapshot().Number
	if r.kept.Load() == number {
		return
	}
	switch m.Pool().Eject(m, until, why+p.describe(o)) {
	case pool.Kept:
		r.kept.Store(number)
	case pool.Ejected:
		if p.timed {
			r.clear()
		}
	}
}

// judge takes a failure into account. It returns why the backend must be
// ejected, if it must, and until when, if that follows from it.
func (p *passive) judge(r *record, now time.Time, late bool) (until time.Time, why string) {
	if p.ratio > 0 {
		piece := pieceOf(now, p.window)
		requests := uint64(1)
		if late {
			requests = 0
		}
		r.window.add(piece, requests, 1)
		if all, failed := r.window.sum(piece); all >= p.minRequests && float64(failed) >= p.ratio*float64(all) {
			why = fmt.Sprintf("%d of %d requests within %s failed", failed, all, p.window)
		}
	}
	switch {
	case p.maxFails == 0:
	case p.remember == 0:
		if n := r.streak.failure(late); n >= p.maxFails {
			why = fmt.Sprintf("%d failures in a row", n)
		}
	default:
		if end, eject := r.failures.add(now, p.remember, p.maxFails); eject {
			until, why = end, fmt.Sprintf("%d failures within %s", p.maxFails, p.remember)
		}
	}
	return until, why
}

// describe returns what was wrong, for people.
func (p *passive) describe(o *pool.Outcome) string {
	switch {
	case o.Verdict == pool.Answered && p.unhealthyStatus(o.Status):
		return fmt.Sprintf("HTTP %d", o.Status)
	case o.Verdict == pool.Answered:
		return "response took " + took(o).Round(time.Millisecond).String()
	case o.Err != nil:
		return describe(o.Err, o.Latency.Round(time.Millisecond))
	}
	return "no response"
}

var _ pool.Observer = (*passive)(nil)
