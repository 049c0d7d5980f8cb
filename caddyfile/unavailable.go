package caddyfile

import (
	"slices"
	"strings"
)

// unsupportedTable has what reverse_proxy does with responses by routes of its
// own, which Caddy has a directive for that works with every handler.
var unsupportedTable = each(func(p *parser) error {
	return p.d.Errf("%s is not supported; use the intercept directive around load_balance", p.d.Val())
}, "handle_response", "replace_status", "copy_response", "copy_response_headers")

func each(read func(*parser) error, names ...string) table {
	t := make(table, len(names))
	for _, name := range names {
		t[name] = read
	}
	return t
}

// unknown returns the error for a subdirective that the block does not have,
// with its right place if there is one.
func (p *parser) unknown(name string) error {
	switch {
	case p.d.Token().Quoted():
	case strings.HasPrefix(name, "@"):
		return p.d.Errf("response matcher %s is not supported; use the intercept directive around load_balance", name)
	case name == "{":
		return p.d.Err("unexpected block")
	}
	for block, names := range elsewhere {
		if slices.Contains(names, name) {
			return p.d.Errf("unrecognized subdirective %s; it belongs into the block of %s", name, block)
		}
	}
	return p.d.Errf("unrecognized subdirective %s", name)
}

// elsewhere has names that are easily put into the wrong block, by their block.
// Names that are right in the block being read never get here.
var elsewhere = map[string][]string{
	"backend":       {"id", "weight", "priority", "max_requests", "label"},
	"sticky cookie": {"max_age", "path", "domain", "same_site"},
	"transport": {
		"tls", "tls_insecure_skip_verify", "tls_server_name", "tls_trust_pool", "tls_client_auth",
		"versions", "dial_timeout", "response_header_timeout", "read_timeout", "write_timeout",
		"keepalive", "compression", "proxy_protocol", "resolvers", "network_proxy",
	},
	"load_balance": {"to", "lb_policy", "lb_retries", "max_fails", "fail_duration", "fail_ratio", "eject_time", "max_ejected", "slow_start", "header_up", "header_down", "health_initial"},
}
