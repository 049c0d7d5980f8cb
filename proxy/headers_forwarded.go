package proxy

import (
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

const (
	forwardedFor   = "X-Forwarded-For"
	forwardedProto = "X-Forwarded-Proto"
	forwardedHost  = "X-Forwarded-Host"
)

// forwardedFields are the X-Forwarded-* fields of an outgoing request. Those
// that are empty are not sent.
type forwardedFields struct{ from, proto, host string }

// set puts the fields into h, in the place of those that are there.
func (f forwardedFields) set(h http.Header) {
	for _, field := range [...]struct{ name, value string }{{forwardedFor, f.from}, {forwardedProto, f.proto}, {forwardedHost, f.host}} {
		if field.value == "" {
			delete(h, field.name)
		} else {
			h[field.name] = []string{field.value}
		}
	}
}

// forwarded returns the X-Forwarded-* fields for the client's request r with
// the header h. What the client has sent in them counts only if it is trusted.
// A field that is there without any value was put so by another handler to
// suppress it.
func (p *Proxy) forwarded(h http.Header, r *http.Request) (f forwardedFields) {
	trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool)
	peer, known := peerOf(r)
	if known && peer != "" {
		trusted = trusted || p.trusts(peer)
	} else if !known || !trusted {
		return f // nothing can be said of where the request comes from
	}
	if values, ok := h[forwardedFor]; !ok || values != nil {
		f.from = peer
		if trusted && len(values) > 0 {
			f.from = strings.Join(values, ", ")
			if f.from != "" && peer != "" {
				f.from += ", "
			}
			f.from += peer
		}
	}
	proto := "http"
	if r.TLS != nil {
		proto = "https"
	}
	f.proto = ownUnlessTrusted(h, forwardedProto, proto, trusted)
	f.host = ownUnlessTrusted(h, forwardedHost, r.Host, trusted)
	return f
}

// ownUnlessTrusted returns own, or the last value so far of a field if that is
// trusted and not empty.
func ownUnlessTrusted(h http.Header, name, own string, trusted bool) string {
	values, ok := h[name]
	switch {
	case ok && values == nil:
		return ""
	case trusted && len(values) > 0 && values[len(values)-1] != "":
		return values[len(values)-1]
	}
	return own
}

// peerOf returns the IP address that the request comes from, without zone;
// empty for unix sockets. known is false if it cannot be told.
func peerOf(r *http.Request) (ip string, known bool) {
	if r.RemoteAddr == "@" {
		return "", true
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return "", false
	}
	host, _, _ = strings.Cut(host, "%")
	return host, true
}

// trusts reports whether an IP address is among the trusted proxies.
func (p *Proxy) trusts(address string) bool {
	if len(p.trusted) == 0 {
		return false
	}
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return false
	}
	for _, prefix := range p.trusted {
		if prefix.Contains(ip) {
			return true
		}
	}
	return false
}

// via is the entry that this proxy adds to the Via field of a message.
func via(proto string, major, minor int) string {
	switch {
	case major == 1 && minor == 1:
		return "1.1 Caddy"
	case major == 2 && minor == 0:
		return "2.0 Caddy"
	case major == 3 && minor == 0:
		return "3.0 Caddy"
	}
	name, _, _ := strings.Cut(proto, "/")
	if strings.EqualFold(name, "HTTP") {
		name = ""
	} else {
		name += "/"
	}
	return name + strconv.Itoa(major) + "." + strconv.Itoa(minor) + " Caddy"
}

// clientAddr returns the client's address as Caddy has determined it, for the
// PROXY protocol; the port is 0 if unknown.
func clientAddr(r *http.Request) netip.AddrPort {
	text, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	if addr, err := netip.ParseAddrPort(text); err == nil {
		return addr
	}
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return netip.AddrPort{}
	}
	if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil && peer.Addr().Unmap() == ip.Unmap() {
		return peer
	}
	return netip.AddrPortFrom(ip, 0)
}
