package health

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// target is one backend being watched. The checker's mutex guards it.
type target struct {
	pool      *pool.Pool
	backend   *pool.Backend
	settings  config.ActiveHealth
	connector pool.Connector

	state  state
	reason string // why it is down, as the pool was told last
	failed int    // probes in a row since it has gone down; 0: it is not, or has passed

	due   time.Time // of the next probe; zero is before all others
	index int       // in the queue; notQueued if it is not there
	fresh bool      // has not been probed with these settings
	watch uint64    // the last call of Watch that named it
	gone  bool      // no longer watched; kept only until its probe has ended

	// of the probe that is running
	running bool
	cancel  context.CancelFunc
	discard bool // its result means nothing any more

	// made when first needed, anew after every call of Watch, which may bring
	// another connector
	prober prober
}

// job is what a probe needs of its target, for use without the lock.
type job struct {
	target    *target
	settings  *config.ActiveHealth
	connector pool.Connector
	prober    prober // nil: to be made
	watch     uint64
	ctx       context.Context
	cancel    context.CancelFunc
}

// start marks the target as being probed and returns what that takes.
func (t *target) start() job {
	settings := t.settings
	j := job{target: t, settings: &settings, connector: t.connector, prober: t.prober, watch: t.watch}
	j.ctx, j.cancel = context.WithTimeout(context.Background(), time.Duration(settings.Timeout))
	t.running, t.discard, t.cancel = true, false, j.cancel
	return j
}

// abandon ends the target's running probe, if any. Its result is dropped.
func (t *target) abandon() {
	if t.running {
		t.discard = true
		t.cancel()
	}
}

// judge takes the result of a probe into account and returns what the pool
// must be told, if anything.
func (t *target) judge(r result) (tell bool, health pool.Health, reason string) {
	if r.void {
		return false, "", ""
	}
	t.state, tell = t.state.next(r.check.OK, t.settings.Passes, t.settings.Fails)
	failed := 0
	if t.state.health == pool.Down {
		reason = t.reason // the pass that is one of several needed is none
		if !r.check.OK {
			reason, failed = r.check.Text, t.failed+1
		}
	}
	t.failed = failed
	tell = tell || reason != t.reason
	t.reason = reason
	return tell, t.state.health, reason
}

// hasten has a backend that is down be probed sooner, after the result of a probe;
// random is within [0, 1).
func (t *target) hasten(r *result, random float64) {
	if t.failed == 0 || t.discard || r.void {
		return
	}
	wait := recheck(time.Duration(t.settings.Interval), t.failed, r.check.Duration)
	if due := r.check.At.Add(max(gap(wait, false, random), minSleep)); due.Before(t.due) {
		t.due = due
	}
}

// sameSettings reports whether probes by a and b are the same.
func sameSettings(a, b *config.ActiveHealth) bool {
	return a.Disabled == b.Disabled &&
		a.URI == b.URI && a.Upstream == b.Upstream && a.Port == b.Port && a.Scheme == b.Scheme &&
		a.Host == b.Host && a.ServerName == b.ServerName && a.Method == b.Method && a.Body == b.Body &&
		sameBool(a.FollowRedirects, b.FollowRedirects) &&
		a.Interval == b.Interval && a.Timeout == b.Timeout && a.Passes == b.Passes && a.Fails == b.Fails &&
		a.MaxSize == b.MaxSize && a.ExpectBody == b.ExpectBody &&
		slices.Equal(a.ExpectStatus, b.ExpectStatus) &&
		maps.EqualFunc(a.Headers, b.Headers, slices.Equal[[]string])
}

func sameBool(a, b *bool) bool { return isTrue(a) == isTrue(b) }

func isTrue(b *bool) bool { return b != nil && *b }
