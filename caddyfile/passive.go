package caddyfile

import (
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

var passiveTable = table{
	"fail_duration":           durationField(func(p *parser) *caddy.Duration { return &p.passive().FailDuration }),
	"max_fails":               numberField(func(p *parser) *int { return &p.passive().MaxFails }),
	"unhealthy_status":        statusField(func(p *parser) *[]int { return &p.passive().UnhealthyStatus }),
	"unhealthy_latency":       durationField(func(p *parser) *caddy.Duration { return &p.passive().UnhealthyLatency }),
	"unhealthy_request_count": numberField(func(p *parser) *int { return &p.passive().UnhealthyRequestCount }),
	"fail_ratio":              (*parser).failRatio,
	"eject_time":              (*parser).ejectTime,
	"max_ejected":             (*parser).maxEjected,
}

func (p *parser) passive() *config.PassiveHealth {
	hc := p.healthChecks()
	if hc.Passive == nil {
		hc.Passive = new(config.PassiveHealth)
	}
	return hc.Passive
}

// failRatio reads a ratio, such as 0.5 or 50%, and a number of requests.
func (p *parser) failRatio() error {
	s, err := p.arg()
	if err != nil {
		return err
	}
	digits, percent := strings.CutSuffix(s, "%")
	ratio, err := strconv.ParseFloat(digits, 64)
	if percent {
		ratio /= 100
	}
	if err != nil || !(ratio > 0 && ratio <= 1) {
		return p.d.Errf("fail_ratio: bad ratio %q: expecting more than 0 and up to 1, or a percentage", s)
	}
	p.passive().FailRatio = ratio
	p.passive().MinRequests, err = p.number(1)
	return err
}

// ejectTime reads the time of the first ejection, and the most.
func (p *parser) ejectTime() (err error) {
	settings := p.passive()
	if settings.EjectTime, err = p.duration(); err != nil {
		return err
	}
	if settings.EjectTime == 0 {
		return p.d.Err("eject_time: no time")
	}
	if p.d.CountRemainingArgs() == 0 {
		return nil
	}
	settings.MaxEjectTime, err = p.duration()
	if err == nil && settings.MaxEjectTime == 0 {
		return p.d.Err("eject_time: no time at most")
	}
	return err
}

// maxEjected reads a percentage, with or without its sign.
func (p *parser) maxEjected() error {
	s, err := p.arg()
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(strings.TrimSuffix(s, "%"))
	if err != nil || n < 1 || n > 100 {
		return p.d.Errf("max_ejected: bad percentage %q: expecting 1 to 100", s)
	}
	p.passive().MaxEjected = n
	return nil
}
