package command

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// site is what clients connect to.
type site struct {
	text   string // as it was given
	https  bool
	host   string // that requests must be for; "" for any
	listen string
}

// parseSite reads what --listen says. A name is what requests are for, and gets
// a certificate, as in a Caddyfile; an IP address is what is listened on.
func parseSite(text string) (site, error) {
	a, err := httpcaddyfile.ParseAddress(text)
	if err != nil {
		return site{}, fmt.Errorf("--listen %q: %w", text, err)
	}
	if a.Path != "" {
		return site{}, fmt.Errorf("--listen %q: a path is not allowed", text)
	}
	s := site{text: text}
	ip, notIP := netip.ParseAddr(strings.Trim(a.Host, "[]"))
	switch a.Scheme {
	case "http", "https":
		s.https = a.Scheme == "https"
	case "":
		s.https = a.Host != "" && notIP != nil && a.Port != strconv.Itoa(caddyhttp.DefaultHTTPPort)
	default:
		return site{}, fmt.Errorf("--listen %q: the scheme %q is neither http nor https", text, a.Scheme)
	}
	port := a.Port
	if port == "" {
		port = strconv.Itoa(caddyhttp.DefaultHTTPPort)
		if s.https {
			port = strconv.Itoa(caddyhttp.DefaultHTTPSPort)
		}
	}
	s.listen = ":" + port
	switch {
	case a.Host == "":
		if s.https {
			return site{}, fmt.Errorf("--listen %q: HTTPS needs a host to get a certificate for", text)
		}
	case notIP == nil:
		s.listen = net.JoinHostPort(ip.String(), port)
		if s.https {
			s.host = ip.String()
		}
	case strings.ContainsAny(a.Host, ":[] "):
		return site{}, fmt.Errorf("--listen %q: %q is neither a name nor an IP address", text, a.Host)
	default:
		s.host = a.Host
	}
	return s, nil
}

// poolName returns the name for a pool that was given none. It says what is
// listened on, so that two load balancers of a machine do not share what was
// changed in one of them, and the same one finds it after a restart.
func (s *site) poolName() string {
	name := s.host
	if name == "" {
		name = strings.TrimPrefix(s.listen, ":")
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == ':', r == '-':
			return r
		case r == '[' || r == ']':
			return -1
		}
		return '_'
	}, name)
}

// url returns an address that clients of this machine can use.
func (s *site) url() string {
	scheme, defaultPort := "http://", strconv.Itoa(caddyhttp.DefaultHTTPPort)
	if s.https {
		scheme, defaultPort = "https://", strconv.Itoa(caddyhttp.DefaultHTTPSPort)
	}
	host, port, err := net.SplitHostPort(s.listen)
	if err != nil {
		return scheme + s.listen
	}
	if s.host != "" {
		host = s.host
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "localhost"
	}
	if port == defaultPort {
		return scheme + host
	}
	return scheme + net.JoinHostPort(host, port)
}
