package balancer

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

func init() { caddy.RegisterModule(QueryHash{}) }

// QueryHash picks by the value of a query parameter. If there are several, all
// of them count, in their order; so a client cannot choose a backend by
// sending a parameter twice of which the backend reads one. Requests without
// it, or with an empty one, are left to the fallback policy. What moves when
// backends come and go is as with `ip_hash`.
//
// Caddyfile:
//
//	lb_policy query <key> {
//		fallback <policy>
//	}
//
// JSON:
//
//	{"policy": "query", "key": "session", "fallback": {"policy": "round_robin"}}
type QueryHash struct {
	// The name of the query parameter. Required.
	Key string `json:"key,omitempty"`

	Fallback
	bounding
}

// CaddyModule returns the Caddy module information.
func (QueryHash) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  namespace + "query",
		New: func() caddy.Module { return new(QueryHash) },
	}
}

// UnmarshalCaddyfile parses `query <key> { fallback <policy> }`.
func (p *QueryHash) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the policy's name
	if !d.NextArg() {
		return d.ArgErr()
	}
	p.Key = d.Val()
	return p.unmarshalBlock(d)
}

// Provision checks the configuration and loads the fallback policy.
func (p *QueryHash) Provision(ctx caddy.Context) error {
	if p.Key == "" {
		return errors.New("query policy: key is required")
	}
	return p.provision(ctx)
}

// NewPicker implements pool.Policy.
func (p *QueryHash) NewPicker(members []*pool.Member, prev pool.Picker) pool.Picker {
	return newHashedOr(&p.Fallback, members, prev, p.bounding, queryKey(p.Key))
}

func queryKey(name string) key {
	return key{fmt.Sprintf("the query parameter %q", name), func(r *http.Request) (hash uint64, ok bool) {
		return hashQuery(r.URL.RawQuery, name)
	}}
}

// Interface guards
var (
	_ Policy                = (*QueryHash)(nil)
	_ Bounder               = (*QueryHash)(nil)
	_ caddy.Provisioner     = (*QueryHash)(nil)
	_ caddyfile.Unmarshaler = (*QueryHash)(nil)
)
