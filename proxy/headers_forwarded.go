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

// setForwarded sets the X-Forwarded-* fields of h for the client's request r.
// What the client has sent in them counts only if it is trusted. A field that
// is there without any value was put so by another handler to suppress it.
func (p *Proxy) setForwarded(h http.Header, r *http.Request) {
	trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool)
	peer, known := peerOf(r)
	if known && peer != "" {
		if ip, err := netip.ParseAddr(peer); err == nil {
			trusted = trusted || p.trusts(ip)
		}
	} else if !known || !trusted {
		// nothing can be said of where the request comes from
		delete(h, forwardedFor)
		delete(h, forwardedProto)
		delete(h, forwardedHost)
		return
	}
	if values, ok := h[forwardedFor]; !ok || values != nil {
		prior := strings.Join(values, ", ")
		switch {
		case trusted && prior != "" && peer != "":
			h[forwardedFor] = []string{prior + ", " + peer}
		case trusted && prior != "":
			h[forwardedFor] = []string{prior}
		case peer != "":
			h[forwardedFor] = []string{peer}
		default:
			delete(h, forwardedFor)
		}
	}
	proto := "http"
	if r.TLS != nil {
		proto = "https"
	}
	setUnlessTrusted(h, forwardedProto, proto, trusted)
	setUnlessTrusted(h, forwardedHost, r.Host, trusted)
}

// setUnlessTrusted sets a field to value, or to its last value so far if that
// is trusted and not empty.
func setUnlessTrusted(h http.Header, name, value string, trusted bool) {
	values, ok := h[name]
	if ok && values == nil {
		return
	}
	if trusted && len(values) > 0 && values[len(values)-1] != "" {
		value = values[len(values)-1]
	}
	h[name] = []string{value}
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

func (p *Proxy) trusts(ip netip.Addr) bool {
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
