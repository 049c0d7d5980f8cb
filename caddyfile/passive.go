package caddyfile

import (
	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

var passiveTable = table{
	"fail_duration":           durationField(func(p *parser) *caddy.Duration { return &p.passive().FailDuration }),
	"max_fails":               numberField(func(p *parser) *int { return &p.passive().MaxFails }),
	"unhealthy_status":        statusField(func(p *parser) *[]int { return &p.passive().UnhealthyStatus }),
	"unhealthy_latency":       durationField(func(p *parser) *caddy.Duration { return &p.passive().UnhealthyLatency }),
	"unhealthy_request_count": numberField(func(p *parser) *int { return &p.passive().UnhealthyRequestCount }),
}

func (p *parser) passive() *config.PassiveHealth {
	hc := p.healthChecks()
	if hc.Passive == nil {
		hc.Passive = new(config.PassiveHealth)
	}
	return hc.Passive
}
