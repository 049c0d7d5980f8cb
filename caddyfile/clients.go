package caddyfile

import (
	"strconv"

	"github.com/caddyserver/caddy/v2"
)

// clientTable has how slow clients may be.
var clientTable = table{
	"client_body_timeout": paceField(
		func(p *parser) **caddy.Duration { return &p.cfg.ClientBodyTimeout },
		func(p *parser) **int64 { return &p.cfg.ClientBodyMinRate }),
	"send_timeout": paceField(
		func(p *parser) **caddy.Duration { return &p.cfg.SendTimeout },
		func(p *parser) **int64 { return &p.cfg.SendMinRate }),
}

// paceField makes the table entry of a duration, 0 or off for none, with an
// optional rate in bytes per second behind it.
func paceField(timeout func(*parser) **caddy.Duration, rate func(*parser) **int64) func(*parser) error {
	return func(p *parser) error {
		s, err := p.arg()
		if err != nil {
			return err
		}
		var d caddy.Duration
		if s != "off" {
			if d, err = p.parseDuration(s); err != nil {
				return err
			}
		}
		*timeout(p) = &d
		if p.d.CountRemainingArgs() == 0 {
			return nil
		}
		if s, err = p.arg(); err != nil {
			return err
		}
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return p.d.Errf("%s: bad rate %q: expecting bytes per second", p.name, s)
		}
		*rate(p) = &n
		return nil
	}
}
