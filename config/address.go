package config

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// maxPortRange is the largest number of backends one address may stand for.
const maxPortRange = 1024

// Address is the address of one backend, normalised: two addresses which mean
// the same socket and protocol are equal as Go values. The zero value is not
// an address.
type Address struct {
	// Scheme is "https", "h2c", or empty for the protocol of the pool's
	// transport, which is plain HTTP unless the transport has TLS.
	Scheme string

	// Network is empty for TCP over IPv4 or IPv6; else "tcp4", "tcp6" or
	// "unix".
	Network string

	// Host is a lower-case name, an IP address in its shortest form (without
	// brackets), or the path of a unix socket. May have placeholders.
	Host string

	// Port is decimal without leading zeros, or has placeholders; empty for
	// unix sockets, and for a host with placeholders that yield the port too.
	Port string
}

// ParseAddress parses the address of a single backend in any of the forms that
// [Backend.Address] documents. It does no name resolution.
func ParseAddress(s string) (Address, error) {
	addrs, err := ParseAddresses(s)
	if err != nil {
		return Address{}, err
	}
	if len(addrs) != 1 {
		return Address{}, fmt.Errorf("address %q: port range not allowed here", s)
	}
	return addrs[0], nil
}

// ParseAddresses parses an address that may have a port range, as in
// `10.0.0.1:8000-8003`, and returns one address for each port.
func ParseAddresses(s string) ([]Address, error) {
	a, err := parse(s)
	if err != nil {
		return nil, fmt.Errorf("address %q: %w", s, err)
	}
	if a.Network == "unix" || hasPlaceholder(a.Port) || a.Port == "" {
		return []Address{a}, nil
	}
	first, last, err := parsePorts(a.Port)
	if err != nil {
		return nil, fmt.Errorf("address %q: %w", s, err)
	}
	addrs := make([]Address, 0, last-first+1)
	for port := first; port <= last; port++ {
		a.Port = strconv.Itoa(port)
		if err := a.checkPort(s); err != nil {
			return nil, fmt.Errorf("address %q: %w", s, err)
		}
		addrs = append(addrs, a)
	}
	return addrs, nil
}

// String returns the canonical spelling, which ParseAddress turns back into
// the same address.
func (a Address) String() string {
	if a.Network == "unix" {
		if a.Scheme == "h2c" {
			return "unix+h2c/" + a.Host
		}
		return "unix/" + a.Host
	}
	hostport := a.HostPort()
	switch {
	case a.Scheme != "":
		return a.Scheme + "://" + hostport
	case a.Network != "":
		return a.Network + "/" + hostport
	}
	return hostport
}

// HostPort returns host and port in the form that net.Dial takes, or the path
// of a unix socket.
func (a Address) HostPort() string {
	if a.Network == "unix" {
		return a.Host
	}
	if hasPlaceholder(a.Host) {
		if _, isIP := a.IP(); !isIP { // a colon in it is not that of an IPv6 address
			return strings.TrimSuffix(a.Host+":"+a.Port, ":")
		}
	}
	return net.JoinHostPort(a.Host, a.Port)
}

// Dial returns network and address for net.Dial.
func (a Address) Dial() (network, address string) {
	if a.Network == "" {
		return "tcp", a.HostPort()
	}
	return a.Network, a.HostPort()
}

// IsUnix reports whether the address is a unix socket.
func (a Address) IsUnix() bool { return a.Network == "unix" }

// HasPlaceholder reports whether the address is known only once placeholders
// have been replaced.
func (a Address) HasPlaceholder() bool {
	return hasPlaceholder(a.Host) || hasPlaceholder(a.Port)
}

// IP returns the address's IP if its host is one.
func (a Address) IP() (netip.Addr, bool) {
	if a.IsUnix() {
		return netip.Addr{}, false
	}
	ip, err := netip.ParseAddr(a.Host)
	return ip, err == nil
}

// DefaultID returns the id of a backend that was not given one: the canonical
// spelling, with what is not allowed in ids replaced by `-`.
func (a Address) DefaultID() string {
	s := a.String()
	var b strings.Builder
	b.Grow(len(s))
	gap := false
	for i := range len(s) {
		c := s[i]
		if !idByte(c) {
			gap = true
			continue
		}
		if gap && b.Len() > 0 {
			b.WriteByte('-')
		}
		gap = false
		b.WriteByte(c)
	}
	id := b.String()
	if len(id) > maxIDLen {
		id = id[len(id)-maxIDLen:]
	}
	if CheckID(id) != nil { // nothing of the address is allowed in ids
		return "_" + id
	}
	return id
}

// ReplaceGlobal replaces the global placeholders ({env.*}, {system.*}, …) of a
// configured address, and leaves all others, which depend on the request.
func ReplaceGlobal(s string) string {
	if !hasPlaceholder(s) {
		return s
	}
	return caddy.NewReplacer().ReplaceKnown(s, "")
}
