package caddyfile

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// persistTable has whether runtime changes are stored.
var persistTable = table{"persist": (*parser).persist}

func (p *parser) persist() error {
	s, err := p.arg()
	if err != nil {
		return err
	}
	if s != "on" && s != "off" {
		return p.d.Errf("persist: expecting on or off, got %q", s)
	}
	on := s == "on"
	p.cfg.Persist = &on
	return nil
}

// ParseGlobal reads the global option, which configures the app:
//
//	load_balance {
//		sync_interval <duration>
//	}
func ParseGlobal(d *caddyfile.Dispenser, existing any) (any, error) {
	d.Next() // the option's name
	if existing != nil {
		return nil, d.Err("load_balance is already set; its settings belong into one block")
	}
	if d.NextArg() {
		return nil, d.ArgErr()
	}
	var app config.App
	for d.NextBlock(0) {
		if d.Val() != "sync_interval" {
			return nil, d.Errf("unrecognized option %s of load_balance", d.Val())
		}
		if app.SyncInterval != 0 {
			return nil, d.Err("sync_interval is already set")
		}
		var text string
		if !d.AllArgs(&text) {
			return nil, d.ArgErr()
		}
		interval, err := caddy.ParseDuration(text)
		if err != nil {
			return nil, d.Errf("sync_interval: bad duration %q: %v", text, err)
		}
		if app.SyncInterval = caddy.Duration(interval); interval == 0 {
			return nil, d.Err("sync_interval: 0 is no interval")
		}
		if err := app.Validate(); err != nil {
			return nil, d.WrapErr(err)
		}
	}
	return httpcaddyfile.App{Name: "load_balance", Value: caddyconfig.JSON(app, nil)}, nil
}
