package loadbalance

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-loadbalance/caddy-loadbalance/balancer"
	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/discovery"
	"github.com/caddy-loadbalance/caddy-loadbalance/health"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
	"github.com/caddy-loadbalance/caddy-loadbalance/proxy"
)

// definition makes of the handler's configuration what the pool is to be, and
// returns the source of discovered backends, or nil.
func (h *Handler) definition(ctx caddy.Context, app *App) (*pool.Definition, discovery.Source, error) {
	def := &pool.Definition{Sink: app.sink, Store: app.storeOf(&h.Handler)}
	var err error
	if def.Allow, err = config.ParsePrefixes(h.AllowBackends); err != nil {
		return nil, nil, fmt.Errorf("allow_backends: %w", err)
	}
	if hc := h.HealthChecks; hc != nil {
		def.Active, def.InitialHealth = hc.Active, hc.Initial
		if hc.Passive != nil {
			def.MaxRequests = hc.Passive.UnhealthyRequestCount
			def.Observer = health.NewPassive(hc.Passive)
			def.Ejections = health.Ejections(hc.Passive)
		}
	}
	if h.LoadBalancing != nil {
		def.RetryBudget = h.LoadBalancing.RetryBudget
		if queue := h.LoadBalancing.Queue; queue != nil {
			def.Queue = pool.QueueLimits{Size: queue.Size, Timeout: time.Duration(queue.Timeout)}
		}
		def.IgnoreHealthWhenAllDown = h.LoadBalancing.AllDown == config.AllDownIgnoreHealth
		def.SlowStart = time.Duration(h.LoadBalancing.SlowStart)
	}
	if def.Sticky, err = h.sticky(app); err != nil {
		return nil, nil, err
	}
	policy, err := h.policy(ctx)
	if err != nil {
		return nil, nil, err
	}
	def.Policy, def.PolicyName = policy, policy.CaddyModule().ID.Name()
	if err := h.boundLoad(policy); err != nil {
		return nil, nil, err
	}
	if def.Backends, err = h.specs(policy); err != nil {
		return nil, nil, err
	}
	if def.Transports, err = proxy.NewTransports(ctx, h.Transport.WithImpliedTLS()); err != nil {
		return nil, nil, fmt.Errorf("transport: %w", err)
	}
	source, key, err := h.source(ctx)
	def.Discovery = key
	return def, source, err
}

func (h *Handler) policy(ctx caddy.Context) (balancer.Policy, error) {
	if h.LoadBalancing == nil || h.LoadBalancing.PolicyRaw == nil {
		return balancer.Default(), nil
	}
	mod, err := ctx.LoadModule(h.LoadBalancing, "PolicyRaw")
	if err != nil {
		return nil, fmt.Errorf("loading selection policy: %w", err)
	}
	policy, ok := mod.(balancer.Policy)
	if !ok {
		return nil, fmt.Errorf("selection policy %T is not a balancer.Policy", mod)
	}
	return policy, nil
}

// boundLoad tells the policy of the bound of the load, if there is one.
func (h *Handler) boundLoad(policy balancer.Policy) error {
	if h.LoadBalancing == nil || h.LoadBalancing.BoundedLoad == nil {
		return nil
	}
	bounder, ok := policy.(balancer.Bounder)
	if !ok {
		return fmt.Errorf("bounded_load needs a policy that picks by a hash, which %s does not", policy.CaddyModule().ID.Name())
	}
	bounder.BoundLoad(*h.LoadBalancing.BoundedLoad)
	return nil
}

// specs returns the backends of the config, with the weights that the policy
// gives to those that have none of their own.
func (h *Handler) specs(policy balancer.Policy) ([]pool.Spec, error) {
	var weights []int
	if w, ok := policy.(balancer.Weigher); ok {
		weights = w.BackendWeights()
	}
	if len(weights) > len(h.Backends) {
		return nil, fmt.Errorf("selection policy has %d weights for %d backends", len(weights), len(h.Backends))
	}
	specs := make([]pool.Spec, 0, len(h.Backends))
	for i, b := range h.Backends {
		byPolicy := b.Weight == 0 && i < len(weights)
		if byPolicy {
			b.Weight = weights[i]
		}
		spec, err := pool.NewSpec(b, pool.FromConfig)
		if err != nil {
			return nil, err
		}
		if byPolicy && weights[i] == 0 {
			spec.AdminState = pool.Drain // a share of nothing
		}
		specs = append(specs, spec)
	}
	return specs, nil
}

// source loads the discovery module. The key is its configuration: as long as
// it is the same, so is what it discovers.
func (h *Handler) source(ctx caddy.Context) (discovery.Source, string, error) {
	if h.DynamicRaw == nil {
		return nil, "", nil
	}
	key := string(h.DynamicRaw)
	mod, err := ctx.LoadModule(&h.Handler, "DynamicRaw")
	if err != nil {
		return nil, "", fmt.Errorf("loading source of dynamic backends: %w", err)
	}
	source, ok := mod.(discovery.Source)
	if !ok {
		return nil, "", fmt.Errorf("source of dynamic backends %T is not a discovery.Source", mod)
	}
	return source, key, nil
}

// definitionJSON returns the part of the configuration that defines the pool,
// in a canonical form.
func definitionJSON(h *config.Handler) ([]byte, error) {
	part := *h
	part.Pool, part.Backends, part.Forwarding = "", nil, config.Forwarding{}
	part.LoadBalancing = h.LoadBalancing.OfPool()
	return json.Marshal(part)
}
