package caddyfile

import "github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

// poolsKey is where the adaptation's state has the places that define pools.
const poolsKey = "load_balance.pools"

// claimPool notes in the state of the Caddyfile's adaptation that the directive
// defines its pool, and returns an error if another one has done so.
func (p *parser) claimPool(state map[string]any) error {
	if state == nil || p.cfg.Pool == "" || p.cfg.RefersOnly() {
		return nil
	}
	pools, ok := state[poolsKey].(map[string]caddyfile.Token)
	if !ok {
		pools = make(map[string]caddyfile.Token)
		state[poolsKey] = pools
	}
	at := p.seen["pool"]
	if first, taken := pools[p.cfg.Pool]; taken {
		return errorAt(at, "pool %q is already defined (%s); to share that pool, set nothing here that defines one, such as backends, policy, health checks or transport",
			p.cfg.Pool, place(first))
	}
	pools[p.cfg.Pool] = at
	return nil
}
