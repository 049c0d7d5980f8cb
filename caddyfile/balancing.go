package caddyfile

import (
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

var balancingTable = table{
	"lb_policy":       (*parser).policy,
	"lb_retries":      numberField(func(p *parser) *int { return &p.balancing().Retries }),
	"lb_try_duration": durationField(func(p *parser) *caddy.Duration { return &p.balancing().TryDuration }),
	"lb_try_interval": durationField(func(p *parser) *caddy.Duration { return &p.balancing().TryInterval }),
	"lb_retry_match":  (*parser).retryMatch,
	"retry_budget":    (*parser).retryBudget,
	"all_down":        (*parser).allDown,
	"bounded_load":    (*parser).boundedLoad,
	"sticky":          (*parser).sticky,
	"queue":           (*parser).queue,
	"slow_start":      durationField(func(p *parser) *caddy.Duration { return &p.balancing().SlowStart }),
}

// policyNamespace is that of the modules which select a backend.
const policyNamespace = "http.handlers.load_balance.policies"

func (p *parser) balancing() *config.LoadBalancing {
	if p.cfg.LoadBalancing == nil {
		p.cfg.LoadBalancing = new(config.LoadBalancing)
	}
	return p.cfg.LoadBalancing
}

func (p *parser) policy() (err error) {
	p.balancing().PolicyRaw, err = p.module(policyNamespace, "policy")
	return err
}

func (p *parser) retryMatch() error {
	set, err := caddyhttp.ParseCaddyfileNestedMatcherSet(p.d)
	if err != nil {
		return fmt.Errorf("lb_retry_match: %w", err)
	}
	if len(set) == 0 {
		return p.d.ArgErr() // it would match every request
	}
	lb := p.balancing()
	lb.MatchRaw = append(lb.MatchRaw, set)
	return nil
}

func (p *parser) allDown() (err error) {
	p.balancing().AllDown, err = p.choice(config.AllDownFail, config.AllDownIgnoreHealth)
	return err
}

// retryBudget reads a percentage, and a number of retries that are allowed in
// any case; or `off`, which is to say that all requests may be retried at once.
func (p *parser) retryBudget() error {
	b := new(config.RetryBudget)
	p.balancing().RetryBudget = b
	all := 100
	if p.d.NextArg() {
		if p.d.Val() == "off" {
			b.Percent = &all
			return nil
		}
		p.d.Prev()
	}
	percent, err := p.number(0)
	if err != nil {
		return err
	}
	b.Percent = &percent
	if p.d.CountRemainingArgs() == 0 {
		return nil
	}
	least, err := p.number(0)
	if err != nil {
		return err
	}
	b.MinConcurrent = &least
	return nil
}

// queue reads how many requests may wait, and how long.
func (p *parser) queue() (err error) {
	q := new(config.Queue)
	p.balancing().Queue = q
	if q.Size, err = p.number(1); err != nil {
		return err
	}
	q.Timeout, err = p.duration()
	return err
}
