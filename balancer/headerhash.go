package balancer

import (
	"errors"
	"net/http"
	"net/textproto"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

func init() { caddy.RegisterModule(HeaderHash{}) }

// HeaderHash picks by the value of a request header field; of several values,
// by the first. Requests without it, or with an empty one, are left to the
// fallback policy. What moves when backends come and go is as with `ip_hash`.
//
// Caddyfile:
//
//	lb_policy header <field> {
//		fallback <policy>
//	}
//
// JSON:
//
//	{"policy": "header", "field": "X-Tenant", "fallback": {"policy": "least_conn"}}
type HeaderHash struct {
	// The name of the header field. `Host` is the host that the request is
	// for. Required.
	Field string `json:"field,omitempty"`

	Fallback
	bounding
}

// CaddyModule returns the Caddy module information.
func (HeaderHash) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  namespace + "header",
		New: func() caddy.Module { return new(HeaderHash) },
	}
}

// UnmarshalCaddyfile parses `header <field> { fallback <policy> }`.
func (p *HeaderHash) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the policy's name
	if !d.NextArg() {
		return d.ArgErr()
	}
	p.Field = d.Val()
	return p.unmarshalBlock(d)
}

// Provision checks the configuration and loads the fallback policy.
func (p *HeaderHash) Provision(ctx caddy.Context) error {
	if p.Field == "" {
		return errors.New("header policy: field is required")
	}
	return p.provision(ctx)
}

// NewPicker implements pool.Policy.
func (p *HeaderHash) NewPicker(members []*pool.Member, prev pool.Picker) pool.Picker {
	return newHashedOr(&p.Fallback, members, prev, p.bounding, headerKey(p.Field))
}

func headerKey(field string) key {
	field = textproto.CanonicalMIMEHeaderKey(field)
	return key{"the header field " + field, func(r *http.Request) (hash uint64, ok bool) {
		if field == "Host" && r.Host != "" {
			// net/http moves it out of the header
			return hashString(r.Host), true
		}
		values := r.Header[field]
		if len(values) == 0 || values[0] == "" {
			return 0, false
		}
		return hashString(values[0]), true
	}}
}

// Interface guards
var (
	_ Policy                = (*HeaderHash)(nil)
	_ Bounder               = (*HeaderHash)(nil)
	_ caddy.Provisioner     = (*HeaderHash)(nil)
	_ caddyfile.Unmarshaler = (*HeaderHash)(nil)
)
