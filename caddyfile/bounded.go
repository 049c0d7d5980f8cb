package caddyfile

import (
	"encoding/json"
	"strconv"

	"github.com/caddyserver/caddy/v2"
)

// boundedLoad reads the factor by which a backend may have more than its share.
func (p *parser) boundedLoad() error {
	s, err := p.arg()
	if err != nil {
		return err
	}
	factor, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return p.d.Errf("%s: bad number %q", p.name, s)
	}
	p.balancing().BoundedLoad = &factor
	return nil
}

// checkBoundedLoad refuses a bound for a policy that picks by no hash. Which ones
// do is known by what can be done with them.
func (p *parser) checkBoundedLoad() error {
	at, set := p.seen["bounded_load"]
	if !set {
		return nil
	}
	if p.cfg.LoadBalancing.PolicyRaw == nil {
		return errorAt(at, "bounded_load needs an lb_policy that picks by a hash, such as ip_hash")
	}
	var module struct{ Policy string }
	if err := json.Unmarshal(p.cfg.LoadBalancing.PolicyRaw, &module); err != nil {
		return errorAt(at, "bounded_load: %w", err)
	}
	info, err := caddy.GetModule(policyNamespace + "." + module.Policy)
	if err != nil {
		return errorAt(at, "bounded_load: %w", err)
	}
	if _, ok := info.New().(interface{ BoundLoad(factor float64) }); !ok {
		return errorAt(at, "bounded_load does not go together with lb_policy %s (%s), which picks by no hash", module.Policy, place(p.seen["lb_policy"]))
	}
	return nil
}
