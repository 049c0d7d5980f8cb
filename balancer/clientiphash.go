package balancer

import (
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

func init() { caddy.RegisterModule(ClientIPHash{}) }

// ClientIPHash is `ip_hash` by the client's IP address as Caddy knows it: the
// one that a trusted proxy reports, if the server's `trusted_proxies` say so,
// and else that of the peer.
//
// Caddyfile:
//
//	lb_policy client_ip_hash
//
// JSON:
//
//	{"policy": "client_ip_hash"}
type ClientIPHash struct{ bounding }

// CaddyModule returns the Caddy module information.
func (ClientIPHash) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  namespace + "client_ip_hash",
		New: func() caddy.Module { return new(ClientIPHash) },
	}
}

// UnmarshalCaddyfile parses `client_ip_hash`.
func (*ClientIPHash) UnmarshalCaddyfile(d *caddyfile.Dispenser) error { return withoutOptions(d) }

// NewPicker implements pool.Policy.
func (p *ClientIPHash) NewPicker(members []*pool.Member, prev pool.Picker) pool.Picker {
	return newHashPicker(members, prev, p.bounding, key{"the client's IP address", clientIP})
}

func clientIP(r *http.Request) (hash uint64, ok bool) {
	if ip, known := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string); known {
		return hashString(hostOf(ip)), true
	}
	return remoteIP(r)
}

// Interface guards
var (
	_ Policy                = (*ClientIPHash)(nil)
	_ Bounder               = (*ClientIPHash)(nil)
	_ caddyfile.Unmarshaler = (*ClientIPHash)(nil)
)
