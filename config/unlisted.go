package config

import (
	"fmt"
	"net/netip"
)

// metadataIPv6 is where a cloud provider keeps the metadata of a machine that
// has IPv6 only; with IPv4 it is a link-local address everywhere.
var metadataIPv6 = netip.MustParseAddr("fd00:ec2::254")

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// Unlisted reports whether a backend with this address may be added at runtime
// without being listed in `allow_backends`. Link-local addresses may not, as
// cloud providers keep the credentials of the machine there, and neither may
// those that belong to no single server. An IPv4 address within an IPv6 one, as
// NAT64 (RFC 6052) has it, counts as itself.
func Unlisted(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	if nat64 := netip.MustParsePrefix("64:ff9b::/96"); nat64.Contains(ip) {
		b := ip.As16()
		ip = netip.AddrFrom4([4]byte(b[12:]))
	}
	return !ip.IsLinkLocalUnicast() && !ip.IsMulticast() && !ip.IsUnspecified() && ip != metadataIPv6 && ip != broadcast
}

// UnlistedError says that a backend's name leads to an address which backends
// may have only if it is listed.
type UnlistedError struct{ Addr netip.Addr }

// Error implements error.
func (e *UnlistedError) Error() string {
	return fmt.Sprintf("address %s must be listed in allow_backends", e.Addr)
}
