package discovery

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

func init() { caddy.RegisterModule(A{}) }

// A discovers backends from the A and AAAA records of a name: one backend for
// each IP address. The name is looked up in the background when the config
// starts and then at the refresh interval; requests never wait for it.
//
// When a lookup fails, the backends of its last answer stay, for as long as it
// fails. When the answer is that the name has no addresses, they go after the
// second such answer in a row.
//
// IPv4 and IPv6 addresses are looked up, kept and given up independently, so a
// server that does not answer for one family does no harm to the other.
type A struct {
	// The domain name to look up. May have global placeholders such as
	// `{env.NAME}`. Required.
	Name string `json:"name,omitempty"`

	// The port of the backends. May have global placeholders. Default: 80.
	Port string `json:"port,omitempty"`

	// The time between two lookups, give or take 10 %; at least 100ms.
	// Default: 1m.
	Refresh caddy.Duration `json:"refresh,omitempty"`

	// The DNS servers to ask; one of them is chosen at random for each
	// attempt. Default: the system's resolver.
	Resolver *config.Resolver `json:"resolver,omitempty"`

	// How long connecting to a DNS server may take. A lookup as a whole is
	// given up after 5s in any case. Default: no limit of its own.
	DialTimeout caddy.Duration `json:"dial_timeout,omitempty"`

	// How long to wait before the other address family of a DNS server is
	// tried as well (RFC 6555). Negative turns that off. Default: 300ms.
	FallbackDelay caddy.Duration `json:"dial_fallback_delay,omitempty"`

	// The IP versions to look up. Default: both.
	Versions *IPVersions `json:"versions,omitempty"`

	name     string
	port     string
	resolver *net.Resolver
}

// IPVersions selects IP versions. If any of them is true, only those are
// selected that are; otherwise those that are not false.
type IPVersions struct {
	// IPv4, as in A records.
	IPv4 *bool `json:"ipv4,omitempty"`

	// IPv6, as in AAAA records.
	IPv6 *bool `json:"ipv6,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (A) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  namespace + ".a",
		New: func() caddy.Module { return new(A) },
	}
}

// Provision checks the configuration. Nothing is looked up yet.
func (a *A) Provision(caddy.Context) (err error) {
	if a.name, err = expand("name", a.Name); err != nil {
		return err
	}
	if a.port, err = expand("port", a.Port); err != nil {
		return err
	}
	if a.name == "" {
		return fmt.Errorf("name is missing")
	}
	if strings.Contains(a.name, "/") {
		return fmt.Errorf("name %q is not a domain name", a.name)
	}
	if a.port == "" {
		a.port = "80"
	}
	addr, err := config.ParseAddress(net.JoinHostPort(a.name, a.port))
	if err != nil {
		return err
	}
	a.name, a.port = addr.Host, addr.Port
	ip4, ip6 := a.Versions.selected()
	if ip, isIP := addr.IP(); isIP {
		ip4, ip6 = ip4 && ip.Is4(), ip6 && ip.Is6()
	}
	if !ip4 && !ip6 {
		return fmt.Errorf("versions leave no addresses of %q to look up", a.name)
	}
	a.resolver, err = dnsSettings{
		refresh: a.Refresh, resolver: a.Resolver, dialTimeout: a.DialTimeout, fallbackDelay: a.FallbackDelay,
	}.newResolver()
	return err
}

// selected reports which versions are to be looked up.
func (v *IPVersions) selected() (ip4, ip6 bool) {
	if v == nil {
		return true, true
	}
	only4 := v.IPv4 != nil && *v.IPv4
	only6 := v.IPv6 != nil && *v.IPv6
	if only4 || only6 {
		return only4, only6
	}
	return v.IPv4 == nil, v.IPv6 == nil
}

// Lookups implements [Source].
func (a *A) Lookups() []Lookup {
	ip4, ip6 := a.Versions.selected()
	if ip, err := netip.ParseAddr(a.name); err == nil {
		ip4, ip6 = ip.Is4(), ip.Is6()
	}
	var lookups []Lookup
	if ip4 {
		lookups = append(lookups, a.lookup("A", "ip4"))
	}
	if ip6 {
		lookups = append(lookups, a.lookup("AAAA", "ip6"))
	}
	return lookups
}

func (a *A) lookup(record, network string) Lookup {
	return Lookup{
		Name:    record + " " + net.JoinHostPort(a.name, a.port),
		Refresh: time.Duration(a.Refresh),
		Find: func(ctx context.Context) ([]config.Backend, error) {
			return a.find(ctx, network)
		},
	}
}

// find looks up the addresses of one family.
func (a *A) find(ctx context.Context, network string) ([]config.Backend, error) {
	ips, err := a.resolver.LookupNetIP(ctx, network, a.name)
	if err != nil {
		if isEmptyAnswer(err) {
			return nil, nil
		}
		return nil, err
	}
	backends := make([]config.Backend, 0, len(ips))
	var leftOut error
	for _, ip := range ips {
		ip = ip.Unmap()
		if ip.IsUnspecified() || ip.IsMulticast() {
			// such as what name servers that block answer with; to connect to
			// 0.0.0.0 would be to connect to this machine
			leftOut = fmt.Errorf("%s is not the address of a server", ip)
			continue
		}
		backends = append(backends, config.Backend{Address: net.JoinHostPort(ip.String(), a.port)})
	}
	return backends, leftOut
}

// Interface guards
var (
	_ caddy.Provisioner = (*A)(nil)
	_ Source            = (*A)(nil)
)
