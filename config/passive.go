package config

import (
	"fmt"
	"math"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// PassiveHealth configures passive health checks: a backend whose requests fail
// is ejected for some time. What a client causes, such as a disconnect or a
// malformed body, never counts, nor does what this machine lacks.
//
// With `fail_duration` and `max_fails` alone, a backend is ejected as long as
// that many failures are remembered, and then takes all of its share again, as
// in `reverse_proxy`. With `eject_time` or `fail_ratio`, an ejection has a time
// of its own, which doubles when the backend is ejected again, and the backend
// that returns gets one request at a time until one has succeeded.
//
// In any case the last backend of the pool that accepts is never ejected; and if
// all others have gone down meanwhile, ejections end early.
type PassiveHealth struct {
	// How long a failure is remembered. Default: 0, which turns passive
	// health checks off, unless `eject_time` or `fail_ratio` is set.
	FailDuration caddy.Duration `json:"fail_duration,omitempty"`

	// How many failures within `fail_duration` make a backend unavailable,
	// until enough of them are forgotten. With `eject_time` or `fail_ratio`
	// and without `fail_duration`, how many failures in a row. Default: 1
	// with `fail_duration`, 5 with `eject_time` alone, and with `fail_ratio`
	// none.
	MaxFails int `json:"max_fails,omitempty"`

	// Which part of the requests must fail for a backend to be ejected, more
	// than 0 and up to 1, within `fail_duration`, or else 10s. Default: 0, off.
	FailRatio float64 `json:"fail_ratio,omitempty"`

	// How many requests there must have been in that time for `fail_ratio` to
	// say something. Required with `fail_ratio`.
	MinRequests int `json:"min_requests,omitempty"`

	// How long the first ejection lasts. Each one that follows lasts twice as
	// long. For each time as long as this that the backend has worked since its
	// return, that is taken back once. Up to a tenth is added at random, so
	// that backends do not return together. Default: 30s with `fail_ratio`;
	// else 0, which makes ejections last as long as the failures are
	// remembered.
	EjectTime caddy.Duration `json:"eject_time,omitempty"`

	// How long an ejection lasts at most. Default: ten times `eject_time`.
	MaxEjectTime caddy.Duration `json:"max_eject_time,omitempty"`

	// Which part of the pool's backends may be ejected at the same time, in
	// percent, 1 to 100; one always may. Default: 50, or 100 if neither
	// `eject_time` nor `fail_ratio` is set.
	MaxEjected int `json:"max_ejected,omitempty"`

	// The `max_requests` of backends that do not set their own. Default: 0,
	// no limit.
	UnhealthyRequestCount int `json:"unhealthy_request_count,omitempty"`

	// Status codes that count as failures; a number below 10 is a whole class,
	// such as 5 for 5xx. Default: none.
	UnhealthyStatus []int `json:"unhealthy_status,omitempty"`

	// A response that takes at least this long to begin counts as a failure.
	// Default: 0, off.
	UnhealthyLatency caddy.Duration `json:"unhealthy_latency,omitempty"`
}

// Defaults of passive health checks.
const (
	DefaultMaxFailsInRow   = 5
	DefaultRatioWindow     = 10 * time.Second
	DefaultEjectTime       = 30 * time.Second
	DefaultMaxEjectFactor  = 10
	DefaultMaxEjected      = 50
	maxEjectTime           = caddy.Duration(365 * 24 * time.Hour)
	maxMinRequests         = 1_000_000
	maxEjectedWithoutTimes = 100
)

// Enabled reports whether backends are ejected at all. A nil receiver says no.
func (p *PassiveHealth) Enabled() bool {
	return p != nil && (p.FailDuration > 0 || p.EjectTime > 0 || p.FailRatio > 0)
}

// WithDefaults returns a copy of enabled settings in which every field that is
// not set, and has a default, has it.
func (p *PassiveHealth) WithDefaults() PassiveHealth {
	out := *p
	if out.FailRatio > 0 {
		setDefault(&out.EjectTime, caddy.Duration(DefaultEjectTime))
	}
	switch {
	case out.FailRatio > 0:
	case out.FailDuration > 0:
		setDefault(&out.MaxFails, 1)
	default:
		setDefault(&out.MaxFails, DefaultMaxFailsInRow)
	}
	if out.EjectTime > 0 {
		setDefault(&out.MaxEjectTime, DefaultMaxEjectFactor*out.EjectTime)
		setDefault(&out.MaxEjected, DefaultMaxEjected)
	} else {
		setDefault(&out.MaxEjected, maxEjectedWithoutTimes)
	}
	return out
}

// Window returns the time over which `fail_ratio` is taken.
func (p *PassiveHealth) Window() time.Duration {
	if p.FailDuration > 0 {
		return time.Duration(p.FailDuration)
	}
	return DefaultRatioWindow
}

func (p *PassiveHealth) validate() error {
	if p == nil {
		return nil
	}
	if p.FailDuration < 0 {
		return fmt.Errorf("fail_duration %s is negative", duration(p.FailDuration))
	}
	if p.MaxFails < 0 {
		return fmt.Errorf("max_fails %d is negative", p.MaxFails)
	}
	if p.UnhealthyRequestCount < 0 {
		return fmt.Errorf("unhealthy_request_count %d is negative", p.UnhealthyRequestCount)
	}
	if p.UnhealthyLatency < 0 {
		return fmt.Errorf("unhealthy_latency %s is negative", duration(p.UnhealthyLatency))
	}
	if err := p.validateEjections(); err != nil {
		return err
	}
	return checkStatus("unhealthy_status", p.UnhealthyStatus)
}

func (p *PassiveHealth) validateEjections() error {
	if math.IsNaN(p.FailRatio) || p.FailRatio < 0 || p.FailRatio > 1 {
		return fmt.Errorf("fail_ratio %g is not more than 0 and up to 1", p.FailRatio)
	}
	if p.MinRequests < 0 || p.MinRequests > maxMinRequests {
		return fmt.Errorf("min_requests %d is not within 1 to %d", p.MinRequests, maxMinRequests)
	}
	if (p.FailRatio > 0) != (p.MinRequests > 0) {
		return fmt.Errorf("fail_ratio %g and min_requests %d need each other", p.FailRatio, p.MinRequests)
	}
	for _, d := range []caddy.Duration{p.EjectTime, p.MaxEjectTime} {
		if d < 0 || d > maxEjectTime {
			return fmt.Errorf("eject_time %s is not within 0 to %s", duration(d), duration(maxEjectTime))
		}
	}
	if p.MaxEjectTime > 0 && p.Enabled() && p.MaxEjectTime < p.WithDefaults().EjectTime {
		return fmt.Errorf("eject_time: the most, %s, is less than the first, %s", duration(p.MaxEjectTime), duration(p.WithDefaults().EjectTime))
	}
	if p.MaxEjected < 0 || p.MaxEjected > 100 {
		return fmt.Errorf("max_ejected %d is not within 1 to 100", p.MaxEjected)
	}
	return nil
}
