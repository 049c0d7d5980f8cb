package caddyfile

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// keepAliveTable has the options of the transport's block that are about idle
// connections.
var keepAliveTable = table{
	"keepalive":                     (*parser).keepAliveSwitch,
	"keepalive_interval":            durationField(func(p *parser) *caddy.Duration { return &p.keepAlive().ProbeInterval }),
	"keepalive_idle_conns":          numberField(func(p *parser) *int { return &p.keepAlive().MaxIdleConns }),
	"keepalive_idle_conns_per_host": numberField(func(p *parser) *int { return &p.keepAlive().MaxIdleConnsPerHost }),
}

func (p *parser) keepAlive() *config.KeepAlive {
	if p.cfg.Transport.KeepAlive == nil {
		p.cfg.Transport.KeepAlive = new(config.KeepAlive)
	}
	return p.cfg.Transport.KeepAlive
}

// keepAliveSwitch reads off, or how long a connection may stay idle.
func (p *parser) keepAliveSwitch() error {
	s, err := p.arg()
	if err != nil {
		return err
	}
	if s == "off" {
		p.keepAlive().Enabled = new(bool)
		return nil
	}
	p.keepAlive().IdleConnTimeout, err = p.parseDuration(s)
	return err
}

// checkKeepAlive refuses limits of idle connections when there are to be none.
// The interval is that of TCP, which busy connections have as well.
func (p *parser) checkKeepAlive(set map[string]caddyfile.Token) error {
	k := p.cfg.Transport.KeepAlive
	if k == nil || k.Enabled == nil || *k.Enabled {
		return nil
	}
	for _, name := range []string{"keepalive_idle_conns", "keepalive_idle_conns_per_host"} {
		if at, ok := set[name]; ok {
			return errorAt(at, "%s has no effect with keepalive off (%s)", name, place(set["keepalive"]))
		}
	}
	return nil
}
