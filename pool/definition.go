package pool

import (
	"net/netip"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// Definition is what a config says about a pool. It must not be changed once
// it was handed over.
type Definition struct {
	// Backends are the config's backends; all of Source FromConfig.
	Backends []Spec

	// Policy makes the pickers. Required.
	Policy Policy

	// PolicyName is what people call the policy.
	PolicyName string

	// Sticky keeps clients with their backends; nil means they are not kept.
	Sticky Sticky

	// Transports makes the transports; nil means there are none.
	Transports Transports

	// Active are the pool's settings of active health checks; nil means
	// defaults.
	Active *config.ActiveHealth

	// InitialHealth is config.InitialUp, config.InitialDown or empty for the
	// default: up for backends of the config, down for those added later.
	InitialHealth string

	// IgnoreHealthWhenAllDown selects among unhealthy backends when no
	// healthy one is left.
	IgnoreHealthWhenAllDown bool

	// Ejections are the rules of ejections.
	Ejections Ejections

	// SlowStart is how long a backend that comes in takes to get its full
	// share; 0 is no time.
	SlowStart time.Duration

	// MaxRequests is the limit of backends that set none; 0 is no limit.
	MaxRequests int

	// Queue limits how many requests may wait for a slot, and how long. Zero
	// is no queue.
	Queue QueueLimits

	// RetryBudget bounds the retries; nil means defaults.
	RetryBudget *config.RetryBudget

	// Allow limits which addresses may be added at runtime; empty allows all
	// but link-local ones.
	Allow []netip.Prefix

	// Discovery identifies the source of discovered backends. What was
	// discovered stays over a reload while it is the same. Empty: none.
	Discovery string

	// Observer learns the outcome of attempts. May be nil.
	Observer Observer

	// Store keeps the runtime changes; nil means that they are kept in memory
	// alone, and what may be stored is left as it is.
	Store Store

	// Sink takes events. May be nil.
	Sink Sink
}

// limit returns how many requests may be in flight; 0 is no limit.
func (d *Definition) limit(s *Spec) int {
	if s.MaxRequests > 0 {
		return s.MaxRequests
	}
	return d.MaxRequests
}

// probed reports whether the backend is probed.
func (d *Definition) probed(s *Spec) bool {
	disabled := d.Active != nil && d.Active.Disabled || s.Health != nil && s.Health.Disabled
	return !disabled && !s.Address.HasPlaceholder()
}

// startsDown reports whether unknown health counts as down.
func (d *Definition) startsDown(s *Spec, late bool) bool {
	switch d.InitialHealth {
	case config.InitialUp:
		return false
	case config.InitialDown:
		return d.probed(s)
	}
	return late && d.probed(s)
}
