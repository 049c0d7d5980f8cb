package balancer

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// Fallback is the part of a policy's configuration that says what picks for
// requests which lack what the policy looks at.
type Fallback struct {
	// The policy for requests that lack what this policy looks at. Default:
	// `random`.
	FallbackRaw json.RawMessage `json:"fallback,omitempty" caddy:"namespace=http.handlers.load_balance.policies inline_key=policy"`

	fallback Policy
}

// provision loads the fallback policy.
func (f *Fallback) provision(ctx caddy.Context) error {
	if f.FallbackRaw == nil {
		f.fallback = new(Random)
		return nil
	}
	mod, err := ctx.LoadModule(f, "FallbackRaw")
	if err != nil {
		return fmt.Errorf("loading fallback policy: %w", err)
	}
	policy, ok := mod.(Policy)
	if !ok {
		return fmt.Errorf("fallback policy %T is not a balancer.Policy", mod)
	}
	f.fallback = policy
	return nil
}

// unmarshal parses `fallback <policy> [...]`. The dispenser is at `fallback`.
func (f *Fallback) unmarshal(d *caddyfile.Dispenser) error {
	if f.FallbackRaw != nil {
		return d.Err("fallback is specified twice")
	}
	if !d.NextArg() {
		return d.ArgErr()
	}
	name := d.Val()
	mod, err := caddyfile.UnmarshalModule(d, namespace+name)
	if err != nil {
		return err
	}
	if _, ok := mod.(Policy); !ok {
		return d.Errf("fallback policy %q (%T) is not a balancer.Policy", name, mod)
	}
	f.FallbackRaw = caddyconfig.JSONModuleObject(mod, "policy", name, nil)
	return nil
}

// unmarshalBlock parses the block of a policy whose only option is a fallback.
func (f *Fallback) unmarshalBlock(d *caddyfile.Dispenser) error {
	if d.NextArg() {
		return d.ArgErr()
	}
	for d.NextBlock(0) {
		if d.Val() != "fallback" {
			return d.Errf("unrecognized option %q", d.Val())
		}
		if err := f.unmarshal(d); err != nil {
			return err
		}
	}
	return nil
}

// chooser picks by something that a request may have or lack.
type chooser interface {
	// choose returns the member that the request asks for. If it is not
	// decided, the fallback picks, and settle is told what.
	choose(q *pool.Request) (m *pool.Member, decided bool)
	settle(q *pool.Request, m *pool.Member)

	// assign is told of a member that the request was given without a choice,
	// and reports whether it would not have been the fallback's to choose.
	assign(q *pool.Request, m *pool.Member) (decided bool)

	// Explain says why the request gets the one that it asks for.
	Explain(q *pool.Request, chosen *pool.Member) pool.Account

	// lacks says what a request lacks if it is not decided.
	lacks() string
}

// either is the picker of a policy that has a fallback.
type either struct {
	chooser  chooser
	fallback pool.Picker
	decay    time.Duration // of the fallback; 0 if it has none
}

// Decay implements pool.Paced.
func (e *either) Decay() time.Duration { return e.decay }

// newPicker returns the picker that asks the chooser first. It tracks loads if
// one of the two does. The chooser is made with that of the picker
// before, or nil.
func (f *Fallback) newPicker(
	members []*pool.Member, prev pool.Picker, choose func(before chooser) chooser,
) pool.Picker {
	var before either
	switch p := prev.(type) {
	case *either:
		before = *p
	case *trackingEither:
		before = p.either
	}
	e := either{chooser: choose(before.chooser), fallback: f.fallback.NewPicker(members, before.fallback)}
	if paced, ok := e.fallback.(pool.Paced); ok {
		e.decay = paced.Decay()
	}
	tracking := trackingEither{either: e}
	tracking.ofFallback, _ = e.fallback.(pool.LoadTracker)
	if c, ok := e.chooser.(trackingChooser); ok {
		tracking.ofChooser = c.tracker()
	}
	if tracking.ofFallback != nil || tracking.ofChooser != nil {
		return &tracking
	}
	return &e
}

// Pick implements pool.Picker.
func (e *either) Pick(q *pool.Request) *pool.Member {
	if m, decided := e.chooser.choose(q); decided {
		return m
	}
	m := e.fallback.Pick(q)
	e.chooser.settle(q, m)
	return m
}

// Settle implements pool.Settler.
func (e *either) Settle(q *pool.Request, m *pool.Member) {
	if e.chooser.assign(q, m) {
		return
	}
	if fallback, ok := e.fallback.(pool.Settler); ok {
		fallback.Settle(q, m)
	}
}

// trackingChooser is a chooser that may have to know of all requests in flight.
type trackingChooser interface {
	chooser
	// tracker returns what is to be told of them, or nil.
	tracker() pool.LoadTracker
}

// trackingEither is an either of which one side or both track loads, and so
// have to be told of the other's picks.
type trackingEither struct {
	either
	ofChooser, ofFallback pool.LoadTracker // may be nil
}

// Pick implements pool.Picker.
func (e *trackingEither) Pick(q *pool.Request) *pool.Member {
	if m, decided := e.chooser.choose(q); decided {
		if m != nil && e.ofFallback != nil {
			e.ofFallback.LoadChanged(m)
		}
		return m
	}
	m := e.fallback.Pick(q)
	if m != nil && e.ofChooser != nil {
		e.ofChooser.LoadChanged(m)
	}
	e.chooser.settle(q, m)
	return m
}

// LoadChanged implements pool.LoadTracker.
func (e *trackingEither) LoadChanged(m *pool.Member) {
	if e.ofChooser != nil {
		e.ofChooser.LoadChanged(m)
	}
	if e.ofFallback != nil {
		e.ofFallback.LoadChanged(m)
	}
}

// Refresh implements pool.LoadTracker.
func (e *trackingEither) Refresh() {
	if e.ofChooser != nil {
		e.ofChooser.Refresh()
	}
	if e.ofFallback != nil {
		e.ofFallback.Refresh()
	}
}

// Interface guards
var (
	_ pool.Paced       = (*either)(nil)
	_ pool.Settler     = (*either)(nil)
	_ pool.LoadTracker = (*trackingEither)(nil)
)
