package balancer

import (
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

func init() { caddy.RegisterModule(PeakEWMA{}) }

// PeakEWMA draws two different backends at random and picks the one from which
// an answer is to be expected sooner: by how long its answers take, times how
// many requests it has already. So a backend that has become slow loses its
// traffic within a few requests, which no policy that only counts requests can
// do before they pile up.
//
// How long answers take is an average that follows a slow answer at once, and
// fast ones slowly (Peak EWMA, as in Twitter's Finagle). It is the time to the
// head of the response, without the time in which the client sends its request,
// and it lives as long as the backend does, over config reloads.
//
//   - A failure, or a response with a status of 500 or above, counts as a slow
//     answer: of a second at least, and of ten times what is usual. So a backend
//     that fails fast does not look fast. (501 and 505 are up to the request.)
//   - A backend of which nothing is known yet counts as being as fast as the
//     other one that was drawn.
//   - What is known of a backend fades while it has nothing to do, so that it is
//     tried again.
//   - A backend that answers nothing is as slow as it has been silent for.
//   - Answers that take less than a millisecond are all about the same.
//   - Upgraded connections and streamed responses count as requests while they
//     last, and not as slow answers.
//
// A backend is drawn with a probability in proportion to its weight, and its
// requests count in relation to it. Of two that are about the same, the one that
// was drawn first is picked; so weights are kept to as far as the backends are
// equally fast. A full one is left out.
//
// The requests of the pool should take about as long as each other: long polls
// among short requests make backends look slow by chance.
//
// Caddyfile:
//
//	lb_policy peak_ewma {
//		decay <duration>
//	}
//
// JSON:
//
//	{"policy": "peak_ewma", "decay": "10s"}
type PeakEWMA struct {
	// In what time a slow answer loses about two thirds of its weight: to 37 %
	// of what it was, and in three times as long to 5 %. Less is more
	// forgiving, and more easily misled. At least 100ms, at most 1h.
	// Default: `10s`.
	Decay caddy.Duration `json:"decay,omitempty"`
}

const (
	defaultPeakDecay = 10 * time.Second
	minPeakDecay     = 100 * time.Millisecond
	maxPeakDecay     = time.Hour
)

// CaddyModule returns the Caddy module information.
func (PeakEWMA) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  namespace + "peak_ewma",
		New: func() caddy.Module { return new(PeakEWMA) },
	}
}

// UnmarshalCaddyfile parses `peak_ewma { decay <duration> }`.
func (p *PeakEWMA) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the policy's name
	if d.NextArg() {
		return d.ArgErr()
	}
	for d.NextBlock(0) {
		if d.Val() != "decay" {
			return d.Errf("unrecognized option %q", d.Val())
		}
		if err := p.unmarshalDecay(d); err != nil {
			return err
		}
	}
	return nil
}

func (p *PeakEWMA) unmarshalDecay(d *caddyfile.Dispenser) error {
	if p.Decay != 0 {
		return d.Err("decay is specified twice")
	}
	var text string
	if !d.AllArgs(&text) {
		return d.ArgErr()
	}
	decay, err := caddy.ParseDuration(text)
	if err != nil {
		return d.Errf("decay %q: %v", text, err)
	}
	p.Decay = caddy.Duration(decay)
	if err := p.check(); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

// Provision sets the default.
func (p *PeakEWMA) Provision(caddy.Context) error {
	if p.Decay == 0 {
		p.Decay = caddy.Duration(defaultPeakDecay)
	}
	return nil
}

// Validate checks the duration.
func (p *PeakEWMA) Validate() error { return p.check() }

func (p *PeakEWMA) check() error {
	if decay := time.Duration(p.Decay); decay < minPeakDecay || decay > maxPeakDecay {
		return fmt.Errorf("decay %s: must be within %s to %s", decay, minPeakDecay, maxPeakDecay)
	}
	return nil
}

// NewPicker implements pool.Policy.
func (p *PeakEWMA) NewPicker(members []*pool.Member, prev pool.Picker) pool.Picker {
	next := &sooner{members: members, decay: time.Duration(p.Decay)}
	if before, ok := prev.(*sooner); ok && sameWeights(before.members, members) {
		next.line, next.mean = before.line, before.mean
		return next
	}
	next.line = newLine(members)
	sum := 0.0
	for _, m := range members {
		sum += float64(m.Weight)
	}
	next.mean = sum / float64(len(members))
	return next
}

// Interface guards
var (
	_ Policy                = (*PeakEWMA)(nil)
	_ caddy.Provisioner     = (*PeakEWMA)(nil)
	_ caddy.Validator       = (*PeakEWMA)(nil)
	_ caddyfile.Unmarshaler = (*PeakEWMA)(nil)
)
