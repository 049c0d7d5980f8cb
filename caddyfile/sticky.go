package caddyfile

import (
	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// cookieTable has the subdirectives of the block of `sticky cookie`.
var cookieTable = table{
	"max_age":   (*parser).maxAge,
	"path":      textField(func(p *parser) *string { return &p.cfg.LoadBalancing.Sticky.Path }),
	"domain":    textField(func(p *parser) *string { return &p.cfg.LoadBalancing.Sticky.Domain }),
	"same_site": (*parser).sameSite,
}

// sticky reads `sticky client_ip` and `sticky cookie [<name> [<secret>]] { … }`.
func (p *parser) sticky() error {
	by, err := p.choice(config.StickyCookie, config.StickyClientIP)
	if err != nil {
		return err
	}
	s := &config.Sticky{By: by}
	p.balancing().Sticky = s
	if by == config.StickyClientIP {
		return nil
	}
	for _, field := range []*string{&s.Name, &s.Secret} {
		if p.d.CountRemainingArgs() == 0 {
			break
		}
		if *field, err = p.arg(); err != nil {
			return err
		}
	}
	_, err = p.nested(cookieTable)
	return err
}

func (p *parser) maxAge() error {
	age, err := p.duration()
	if err != nil {
		return err
	}
	if age <= 0 {
		return p.d.Errf("max_age: must be at least 1s")
	}
	p.cfg.LoadBalancing.Sticky.MaxAge = age
	return nil
}

func (p *parser) sameSite() (err error) {
	p.cfg.LoadBalancing.Sticky.SameSite, err = p.choice(config.SameSiteLax, config.SameSiteStrict, config.SameSiteNone)
	return err
}
