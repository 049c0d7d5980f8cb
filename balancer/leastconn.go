package balancer

import (
	"fmt"

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

// explainLoad says why a member has the least load.
func explainLoad(members []*pool.Member, chosen *pool.Member) pool.Account {
	least := loadWith(chosen)
	list := standings(members, chosen, func(m *pool.Member) string {
		if least.less(loadWith(m)) {
			return fmt.Sprintf("more load: %s, against %s", showLoad(m, 1), showLoad(chosen, 1))
		}
		return fmt.Sprintf("the same load, %s, but its turn comes later", showLoad(m, 1))
	})
	return pool.Account{Reason: "least load: " + showLoad(chosen, 1), Members: list}
}

// Interface guards
var (
	_ Policy                = (*LeastConn)(nil)
	_ caddyfile.Unmarshaler = (*LeastConn)(nil)
)
