package balancer

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

func init() { caddy.RegisterModule(LeastConn{}) }

// LeastConn picks the backend that would have the least load with the request:
// the least of (requests in flight + 1) / weight. Those with the same load take
// turns. Tunnels, such as WebSockets, count as requests while they last.
//
// Caddyfile:
//
//	lb_policy least_conn
//
// JSON:
//
//	{"policy": "least_conn"}
type LeastConn struct{}

// CaddyModule returns the Caddy module information.
func (LeastConn) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  namespace + "least_conn",
		New: func() caddy.Module { return new(LeastConn) },
	}
}

// UnmarshalCaddyfile parses `least_conn`.
func (*LeastConn) UnmarshalCaddyfile(d *caddyfile.Dispenser) error { return withoutOptions(d) }

// NewPicker implements pool.Policy.
func (LeastConn) NewPicker(members []*pool.Member, prev pool.Picker) pool.Picker {
	var next *turn
	switch before := prev.(type) {
	case *loadScan:
		next = before.turn
	case *loadTree:
		next = before.turn
	default:
		next = new(turn)
	}
	if len(members) <= maxScan {
		return &loadScan{members: members, turn: next}
	}
	return newLoadTree(members, next)
}

// Interface guards
var (
	_ Policy                = (*LeastConn)(nil)
	_ caddyfile.Unmarshaler = (*LeastConn)(nil)
)
