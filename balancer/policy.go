package balancer

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// namespace is that of the policy modules, with the dot that follows it.
const namespace = "http.handlers.load_balance.policies."

// Policy is the interface of selection policies. A module of the namespace
// http.handlers.load_balance.policies that implements it can be chosen by
// `lb_policy`; the key that names the module in JSON is `policy`.
type Policy interface {
	caddy.Module
	pool.Policy
}

// Weigher is a policy that brings weights for the backends of the config.
type Weigher interface {
	// BackendWeights returns the weights of the config's backends, in their
	// order; there may be fewer weights than backends. They are meant for
	// backends that set no weight themselves. Zero means that the backend is
	// to take no new requests, as if it were drained.
	BackendWeights() []int
}

// Default returns the policy of pools that name none: round_robin.
func Default() Policy { return new(RoundRobin) }

// withoutOptions parses the Caddyfile of a policy that has a name only.
func withoutOptions(d *caddyfile.Dispenser) error {
	d.Next() // the policy's name
	return endOfOptions(d)
}

// endOfOptions makes sure that no argument and no block follows.
func endOfOptions(d *caddyfile.Dispenser) error {
	if d.NextArg() {
		return d.ArgErr()
	}
	if d.NextBlock(0) {
		return d.Errf("unrecognized option %q", d.Val())
	}
	return nil
}
