package caddyfile

import (
	"net"
	"net/http"
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"golang.org/x/net/http/httpguts"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// healthTable has what configures active health checks of the pool.
var healthTable = merge(probeTable, table{
	"health_initial": (*parser).healthInitial,
})

// probeTable has what a backend's own block may override.
var probeTable = table{
	"health_uri":              textField(func(p *parser) *string { return &p.active().URI }),
	"health_path":             (*parser).healthPath,
	"health_upstream":         (*parser).healthUpstream,
	"health_port":             (*parser).healthPort,
	"health_scheme":           (*parser).healthScheme,
	"health_host":             textField(func(p *parser) *string { return &p.active().Host }),
	"health_sni":              textField(func(p *parser) *string { return &p.active().ServerName }),
	"health_interval":         (*parser).healthInterval,
	"health_timeout":          durationField(func(p *parser) *caddy.Duration { return &p.active().Timeout }),
	"health_passes":           numberField(func(p *parser) *int { return &p.active().Passes }),
	"health_fails":            numberField(func(p *parser) *int { return &p.active().Fails }),
	"health_method":           (*parser).healthMethod,
	"health_request_body":     textField(func(p *parser) *string { return &p.active().Body }),
	"health_follow_redirects": (*parser).healthFollowRedirects,
	"health_status":           statusField(func(p *parser) *[]int { return &p.active().ExpectStatus }),
	"health_body":             textField(func(p *parser) *string { return &p.active().ExpectBody }),
	"health_max_size":         sizeField(func(p *parser) *int64 { return &p.active().MaxSize }),
	"health_headers":          (*parser).healthHeaders,
}

func (p *parser) healthChecks() *config.HealthChecks {
	if p.cfg.HealthChecks == nil {
		p.cfg.HealthChecks = new(config.HealthChecks)
	}
	return p.cfg.HealthChecks
}

// active returns the settings that the current block is about: those of a
// backend, or of the pool.
func (p *parser) active() *config.ActiveHealth {
	var field **config.ActiveHealth
	if p.backend != nil {
		field = &p.backend.Health
	} else {
		field = &p.healthChecks().Active
	}
	if *field == nil {
		*field = new(config.ActiveHealth)
	}
	return *field
}

func (p *parser) healthInitial() (err error) {
	p.healthChecks().Initial, err = p.choice(config.InitialUp, config.InitialDown)
	return err
}

func (p *parser) healthPath() error {
	uri, err := p.arg()
	if err != nil {
		return err
	}
	p.active().URI = uri
	p.warn("health_path is deprecated; use health_uri")
	return nil
}

func (p *parser) healthUpstream() error {
	s, err := p.arg()
	if err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return p.d.Errf("health_upstream: bad address %q: %v", s, err)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return p.d.Errf("health_upstream: bad address %q: bad port %q", s, port)
	}
	p.active().Upstream = s
	return nil
}

func (p *parser) healthPort() (err error) {
	p.active().Port, err = p.number(1)
	return err
}

func (p *parser) healthScheme() (err error) {
	p.active().Scheme, err = p.choice("http", "https")
	return err
}

func (p *parser) healthInterval() error {
	s, err := p.arg()
	if err != nil {
		return err
	}
	if s == "off" {
		p.active().Disabled = true
		return nil
	}
	d, err := p.parseDuration(s)
	if err != nil {
		return err
	}
	if d == 0 {
		return p.d.Errf("health_interval: bad duration %q; active health checks are turned off by off", s)
	}
	p.active().Interval = d
	return nil
}

func (p *parser) healthMethod() error {
	s, err := p.arg()
	if err != nil {
		return err
	}
	if !httpguts.ValidHeaderFieldName(s) { // methods have the grammar of field names
		return p.d.Errf("health_method: bad method %q", s)
	}
	p.active().Method = s
	return nil
}

func (p *parser) healthFollowRedirects() error {
	follow, err := p.optionalSwitch()
	p.active().FollowRedirects = &follow
	return err
}

func (p *parser) healthHeaders() error {
	if p.d.NextArg() {
		return p.d.ArgErr()
	}
	header := make(http.Header)
	for nesting := p.d.Nesting(); p.d.NextBlock(nesting); {
		field := p.d.Val()
		if !httpguts.ValidHeaderFieldName(field) {
			return p.d.Errf("health_headers: bad field %q", field)
		}
		values := p.d.RemainingArgs()
		if len(values) == 0 {
			values = []string{""}
		}
		for _, v := range values {
			header.Add(field, v)
		}
	}
	if len(header) == 0 {
		return p.d.Err("health_headers needs a block with at least one field")
	}
	p.active().Headers = header
	return nil
}
