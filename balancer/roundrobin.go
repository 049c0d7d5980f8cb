package balancer

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

func init() { caddy.RegisterModule(RoundRobin{}) }

// RoundRobin picks the backends in turn, each as often as its weight says. It
// is the default policy.
//
// The turns are smooth: those of a heavy backend are spread out between those
// of the others. With the weights 5, 1 and 1 any seven picks in a row give
// five requests to the first backend and one to each of the others; when the
// first is down, the others get every other request each. A backend that is
// full, or that a retried request has been at, is skipped, and the turns go on
// behind it.
//
// Caddyfile:
//
//	lb_policy round_robin
//
// JSON:
//
//	{"policy": "round_robin"}
type RoundRobin struct{}

// CaddyModule returns the Caddy module information.
func (RoundRobin) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  namespace + "round_robin",
		New: func() caddy.Module { return new(RoundRobin) },
	}
}

// UnmarshalCaddyfile parses `round_robin`.
func (*RoundRobin) UnmarshalCaddyfile(d *caddyfile.Dispenser) error { return withoutOptions(d) }

// NewPicker implements pool.Policy.
func (RoundRobin) NewPicker(members []*pool.Member, prev pool.Picker) pool.Picker {
	return newRotation(members, prev)
}

// Interface guards
var (
	_ Policy                = (*RoundRobin)(nil)
	_ caddyfile.Unmarshaler = (*RoundRobin)(nil)
)
