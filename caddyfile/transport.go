package caddyfile

import (
	"encoding/json"
	"reflect"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

var transportTable = table{
	"transport": (*parser).transport,
}

// connectionTable has the options in the transport's block.
var connectionTable = merge(tlsTable, keepAliveTable, table{
	"read_buffer":             sizeField(func(p *parser) *int { return &p.cfg.Transport.ReadBufferSize }),
	"write_buffer":            sizeField(func(p *parser) *int { return &p.cfg.Transport.WriteBufferSize }),
	"max_response_header":     sizeField(func(p *parser) *int64 { return &p.cfg.Transport.MaxResponseHeaderSize }),
	"read_timeout":            durationField(func(p *parser) *caddy.Duration { return &p.cfg.Transport.ReadTimeout }),
	"write_timeout":           optionalDuration(func(p *parser) **caddy.Duration { return &p.cfg.Transport.WriteTimeout }),
	"dial_timeout":            durationField(func(p *parser) *caddy.Duration { return &p.cfg.Transport.DialTimeout }),
	"dial_fallback_delay":     durationField(func(p *parser) *caddy.Duration { return &p.cfg.Transport.FallbackDelay }),
	"expect_continue_timeout": durationField(func(p *parser) *caddy.Duration { return &p.cfg.Transport.ExpectContinueTimeout }),
	"response_header_timeout": optionalDuration(func(p *parser) **caddy.Duration { return &p.cfg.Transport.ResponseHeaderTimeout }),
	"max_conns_per_host":      numberField(func(p *parser) *int { return &p.cfg.Transport.MaxConnsPerHost }),
	"local_address":           textField(func(p *parser) *string { return &p.cfg.Transport.LocalAddress }),
	"versions":                listField(func(p *parser) *[]string { return &p.cfg.Transport.Versions }),
	"proxy_protocol":          (*parser).proxyProtocol,
	"forward_proxy_url":       (*parser).forwardProxyURL,
	"network_proxy":           (*parser).networkProxy,
	"resolvers":               (*parser).resolvers,
	"compression":             (*parser).compression,
})

func (p *parser) transport() error {
	name, err := p.arg()
	if err != nil {
		return err
	}
	switch name {
	case "http":
	case "fastcgi":
		return p.d.Err("transport fastcgi is not supported; use the php_fastcgi directive, or reverse_proxy with that transport")
	default:
		return p.d.Errf("transport %q is not supported; there is http", name)
	}
	p.cfg.Transport = new(config.Transport)
	set, err := p.nested(connectionTable)
	if err != nil {
		return err
	}
	if err := p.checkKeepAlive(set); err != nil {
		return err
	}
	if reflect.DeepEqual(p.cfg.Transport, new(config.Transport)) {
		p.cfg.Transport = nil
	}
	return nil
}

func (p *parser) proxyProtocol() (err error) {
	p.cfg.Transport.ProxyProtocol, err = p.choice("v1", "v2")
	return err
}

func (p *parser) forwardProxyURL() error {
	url, err := p.arg()
	if err != nil {
		return err
	}
	p.warn("forward_proxy_url is deprecated; use network_proxy url")
	p.cfg.Transport.NetworkProxyRaw, err = json.Marshal(map[string]string{"from": "url", "url": url})
	return err
}

func (p *parser) networkProxy() (err error) {
	p.cfg.Transport.NetworkProxyRaw, err = p.module("caddy.network_proxy", "from")
	return err
}

func (p *parser) resolvers() error {
	list, err := p.args()
	p.cfg.Transport.Resolver = &config.Resolver{Addresses: list}
	return err
}

// compression reads on or off; nothing is on.
func (p *parser) compression() error {
	on, err := p.optionalSwitch()
	p.cfg.Transport.Compression = &on
	return err
}
