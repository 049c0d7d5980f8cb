package loadbalance

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-loadbalance/caddy-loadbalance/caddyfile"
)

func init() {
	httpcaddyfile.RegisterHandlerDirective("load_balance", parseDirective)
	httpcaddyfile.RegisterDirectiveOrder("load_balance", httpcaddyfile.Before, "reverse_proxy")
	httpcaddyfile.RegisterGlobalOption("load_balance", caddyfile.ParseGlobal)
}

// parseDirective makes a handler of the `load_balance` directive.
func parseDirective(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	cfg, err := caddyfile.Parse(h)
	if err != nil {
		return nil, err
	}
	return &Handler{Handler: *cfg}, nil
}
