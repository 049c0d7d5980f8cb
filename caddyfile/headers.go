package caddyfile

import (
	"regexp"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/rewrite"
)

var headersTable = table{
	"trusted_proxies": rangesField(func(p *parser) *[]string { return &p.cfg.TrustedProxies }),
	"header_up":       (*parser).headerUp,
	"header_down":     (*parser).headerDown,
	"method":          textField(func(p *parser) *string { return &p.rewrite().Method }),
	"rewrite":         textField(func(p *parser) *string { return &p.rewrite().URI }),
}

// forwarded has what the headers that every request gets are set to by default,
// in the spellings that people repeat it in.
var forwarded = map[string][]string{
	"x-forwarded-for":   {"{http.request.remote}", "{http.request.remote.host}", "{remote}", "{remote_host}"},
	"x-forwarded-proto": {"{http.request.scheme}", "{scheme}"},
	"x-forwarded-host":  {"{http.request.host}", "{http.request.hostport}", "{host}", "{hostport}"},
}

// ownAddress has the placeholders for the address of the backend that a request
// goes to.
var ownAddress = []string{
	"{upstream_hostport}", "{http.reverse_proxy.upstream.hostport}", "{http.load_balance.backend.hostport}",
}

func (p *parser) rewrite() *rewrite.Rewrite {
	if p.cfg.Rewrite == nil {
		p.cfg.Rewrite = new(rewrite.Rewrite)
	}
	return p.cfg.Rewrite
}

func (p *parser) headers() *headers.Handler {
	if p.cfg.Headers == nil {
		p.cfg.Headers = new(headers.Handler)
	}
	return p.cfg.Headers
}

func (p *parser) headerUp() error {
	h := p.headers()
	if h.Request == nil {
		h.Request = new(headers.HeaderOps)
	}
	args, err := p.headerOp(h.Request)
	if err != nil {
		return err
	}
	if strings.EqualFold(args[0], "Host") {
		p.host = p.d.Token()
	}
	if len(args) == 2 && slices.Contains(forwarded[strings.ToLower(args[0])], args[1]) {
		p.warn("header_up " + args[0] + " sets what is sent by default")
	}
	return nil
}

// checkHost warns of a Host that is sent in any case: backends with TLS get
// their own address.
func (p *parser) checkHost() error {
	h := p.cfg.Headers
	if h == nil || h.Request == nil || len(p.cfg.Backends) == 0 ||
		!slices.Contains(ownAddress, h.Request.Set.Get("Host")) {
		return nil
	}
	for _, b := range p.cfg.Backends {
		if !strings.HasPrefix(b.Address, "https://") {
			return nil
		}
	}
	warnAt(p.host, "header_up Host sets what is sent by default to backends with https://")
	return nil
}

func (p *parser) headerDown() error {
	h := p.headers()
	if h.Response == nil {
		h.Response = &headers.RespHeaderOps{HeaderOps: new(headers.HeaderOps)}
	}
	_, err := p.headerOp(h.Response.HeaderOps)
	return err
}

// headerOp reads one change of a header into ops, and returns its arguments:
// the field, which has a prefix unless it is set, and up to two values.
func (p *parser) headerOp(ops *headers.HeaderOps) ([]string, error) {
	args := p.d.RemainingArgs()
	if len(args) == 0 || len(args) > 3 {
		return nil, p.d.ArgErr()
	}
	if strings.Trim(args[0], "+-?>") == "" {
		return nil, p.d.Errf("%s: bad field %q", p.name, args[0])
	}
	var value string
	var replacement *string
	if len(args) > 1 {
		value = args[1]
	}
	if len(args) > 2 {
		replacement = &args[2]
		// with placeholders, the expression is known at run time only
		if _, err := regexp.Compile(value); err != nil && !strings.Contains(value, "{") {
			return nil, p.d.Errf("%s: %w", p.name, err)
		}
	}
	return args, headers.CaddyfileHeaderOp(ops, args[0], value, replacement)
}
