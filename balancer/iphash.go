package balancer

import (
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

func init() { caddy.RegisterModule(IPHash{}) }

// IPHash picks by the IP address of the peer, so that requests from one address
// go to one backend. Behind another proxy that is the proxy's address: use
// `client_ip_hash` there.
//
// When a backend comes or goes, only requests move that come to it or were
// with it; the same goes for a change of weight. If the backend of an address
// is full, or a retried request has been there, the next one in the order of
// the hash is picked; the same goes for one that has more than its share, with
// the option `bounded_load` of the handler.
//
// Caddyfile:
//
//	lb_policy ip_hash
//
// JSON:
//
//	{"policy": "ip_hash"}
type IPHash struct{ bounding }

// CaddyModule returns the Caddy module information.
func (IPHash) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  namespace + "ip_hash",
		New: func() caddy.Module { return new(IPHash) },
	}
}

// UnmarshalCaddyfile parses `ip_hash`.
func (*IPHash) UnmarshalCaddyfile(d *caddyfile.Dispenser) error { return withoutOptions(d) }

// NewPicker implements pool.Policy.
func (p *IPHash) NewPicker(members []*pool.Member, prev pool.Picker) pool.Picker {
	return newHashPicker(members, prev, p.bounding, key{"the peer's IP address", remoteIP})
}

func remoteIP(r *http.Request) (hash uint64, ok bool) {
	return hashString(hostOf(r.RemoteAddr)), true
}

// hostOf returns the host of an address, with or without port. An address
// that is neither is taken as a whole. Unlike net.SplitHostPort it does not
// allocate for any.
func hostOf(address string) string {
	colon := strings.LastIndexByte(address, ':')
	if colon < 0 || strings.ContainsAny(address[colon:], "[]") {
		return address
	}
	host, bracketed := strings.CutPrefix(address[:colon], "[")
	if bracketed {
		inner, closed := strings.CutSuffix(host, "]")
		if !closed || strings.ContainsAny(inner, "[]") {
			return address
		}
		return inner
	}
	if strings.ContainsAny(host, ":[]") {
		return address
	}
	return host
}

// Interface guards
var (
	_ Policy                = (*IPHash)(nil)
	_ Bounder               = (*IPHash)(nil)
	_ caddyfile.Unmarshaler = (*IPHash)(nil)
)
