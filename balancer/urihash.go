package balancer

import (
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

func init() { caddy.RegisterModule(URIHash{}) }

// URIHash picks by the request's URI, path and query, so that each is served,
// and can be cached, by one backend. What moves when backends come and go is
// as with `ip_hash`.
//
// Caddyfile:
//
//	lb_policy uri_hash
//
// JSON:
//
//	{"policy": "uri_hash"}
type URIHash struct{ bounding }

// CaddyModule returns the Caddy module information.
func (URIHash) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  namespace + "uri_hash",
		New: func() caddy.Module { return new(URIHash) },
	}
}

// UnmarshalCaddyfile parses `uri_hash`.
func (*URIHash) UnmarshalCaddyfile(d *caddyfile.Dispenser) error { return withoutOptions(d) }

// NewPicker implements pool.Policy.
func (p *URIHash) NewPicker(members []*pool.Member, prev pool.Picker) pool.Picker {
	return newHashPicker(members, prev, p.bounding, key{"the URI", requestURI})
}

func requestURI(r *http.Request) (hash uint64, ok bool) { return hashString(r.RequestURI), true }

// Interface guards
var (
	_ Policy                = (*URIHash)(nil)
	_ Bounder               = (*URIHash)(nil)
	_ caddyfile.Unmarshaler = (*URIHash)(nil)
)
