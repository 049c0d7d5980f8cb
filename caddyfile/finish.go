package caddyfile

import (
	"maps"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// probeScope is the active health check settings of one backend, or of the
// pool, with the subdirectives of the block that they are in.
type probeScope struct {
	settings *config.ActiveHealth
	set      map[string]caddyfile.Token
}

// httpProbe has the options that say nothing to a TCP probe.
var httpProbe = []string{
	"health_method", "health_request_body", "health_headers", "health_host", "health_scheme",
	"health_sni", "health_follow_redirects", "health_status", "health_body", "health_max_size",
}

// finish checks what can be known only once the directive is read whole, as
// subdirectives come in any order.
func (p *parser) finish() error {
	if len(p.cfg.Backends) == 0 && p.cfg.DynamicRaw == nil && p.cfg.Pool == "" {
		return errorAt(p.start, "no backends: expecting addresses, dynamic, or the name of a pool")
	}
	for _, check := range []func() error{p.checkSchemes, p.checkProbes, p.checkPassive, p.checkHost, p.checkBoundedLoad} {
		if err := check(); err != nil {
			return err
		}
	}
	if err := validate(*p.cfg); err != nil {
		return errorAt(p.start, "%w", err)
	}
	return nil
}

// checkSchemes refuses, for instance, http:// for a backend that TLS would be
// spoken to.
func (p *parser) checkSchemes() error {
	for _, b := range p.written {
		if err := p.cfg.Transport.CheckScheme(b.text, b.address); err != nil {
			return errorAt(b.at, "%w", err)
		}
	}
	return nil
}

func (p *parser) checkProbes() error {
	pool := probeScope{new(config.ActiveHealth), p.seen}
	if p.cfg.HealthChecks != nil {
		if p.cfg.HealthChecks.Active != nil {
			pool.settings = p.cfg.HealthChecks.Active
		}
		if at, ok := p.seen["health_initial"]; ok && pool.settings.Disabled && p.cfg.HealthChecks.Initial == config.InitialDown {
			return errorAt(at, "health_initial down: nothing would ever bring backends up with health_interval off (%s)", place(p.seen["health_interval"]))
		}
	}
	pool.implyRequest()
	anyURI := pool.settings.URI != ""
	for _, backend := range p.probes {
		backend.implyRequest()
		anyURI = anyURI || backend.settings.URI != ""
	}
	if err := pool.check(pool, anyURI); err != nil {
		return err
	}
	for _, backend := range p.probes {
		if err := backend.check(pool, pool.settings.URI != "" || backend.settings.URI != ""); err != nil {
			return err
		}
	}
	return nil
}

// implyRequest makes the probe of a health_port a request for / if other options
// are about a request. To reverse_proxy, that is what a port alone means.
func (s probeScope) implyRequest() {
	if s.settings.Port == 0 || s.settings.URI != "" {
		return
	}
	if slices.ContainsFunc(httpProbe, func(name string) bool { _, set := s.set[name]; return set }) {
		s.settings.URI = "/"
	}
}

// check refuses options without effect: any beside `health_interval off`, and
// those of HTTP if the probe is a TCP connect.
func (s probeScope) check(pool probeScope, http bool) error {
	for _, name := range slices.Sorted(maps.Keys(s.set)) {
		at := s.set[name]
		if !strings.HasPrefix(name, "health_") || name == "health_initial" {
			continue
		}
		for _, scope := range []probeScope{s, pool} {
			off := place(scope.set["health_interval"])
			if scope.settings.Disabled && (name != "health_interval" || place(at) != off) {
				return errorAt(at, "%s has no effect with health_interval off (%s)", name, off)
			}
		}
		if !http && slices.Contains(httpProbe, name) {
			return errorAt(at, "%s needs health_uri: without it, the probe is a TCP connect", name)
		}
	}
	if h := s.set["health_host"]; s.settings.Host != "" && len(s.settings.Headers["Host"]) > 0 {
		return errorAt(h, "health_host does not go together with Host in health_headers (%s)", place(s.set["health_headers"]))
	}
	return nil
}

// checkPassive warns of options which do nothing as long as nothing ejects a
// backend. reverse_proxy takes them, so they are no error; the others are.
func (p *parser) checkPassive() error {
	if p.cfg.HealthChecks == nil || p.cfg.HealthChecks.Passive.Enabled() {
		return nil
	}
	if at, ok := p.seen["max_ejected"]; ok {
		return errorAt(at, "max_ejected needs fail_duration, fail_ratio or eject_time: without them, no backend is ejected")
	}
	for _, name := range []string{"max_fails", "unhealthy_status", "unhealthy_latency"} {
		if at, ok := p.seen[name]; ok {
			warnAt(at, name+" has no effect without fail_duration")
		}
	}
	return nil
}
