package balancer

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

func init() { caddy.RegisterModule(First{}) }

// First picks the first backend, in the order of the configuration, that
// accepts and is not full. The others stand by: one fails over to the next, or
// fills up before the next is used. Weights have no effect, as there are no
// shares. Backends added at runtime come last.
//
// Caddyfile:
//
//	lb_policy first
//
// JSON:
//
//	{"policy": "first"}
type First struct{}

// CaddyModule returns the Caddy module information.
func (First) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  namespace + "first",
		New: func() caddy.Module { return new(First) },
	}
}

// UnmarshalCaddyfile parses `first`.
func (*First) UnmarshalCaddyfile(d *caddyfile.Dispenser) error { return withoutOptions(d) }

// NewPicker implements pool.Policy.
func (First) NewPicker(members []*pool.Member, _ pool.Picker) pool.Picker {
	return inOrder(members)
}

type inOrder []*pool.Member

// Pick implements pool.Picker.
func (members inOrder) Pick(q *pool.Request) *pool.Member { return offerFrom(q, members, 0) }

// Interface guards
var (
	_ Policy                = (*First)(nil)
	_ caddyfile.Unmarshaler = (*First)(nil)
)
