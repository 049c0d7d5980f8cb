package proxy

import (
	"context"
	"net"
	"net/netip"

	"github.com/pires/go-proxyproto"
)

// clientKey is the context key of the client's address, a netip.AddrPort, for
// connections that announce it.
type clientKey struct{}

func clientOf(ctx context.Context) netip.AddrPort {
	client, _ := ctx.Value(clientKey{}).(netip.AddrPort)
	return client
}

// proxyHeader returns the PROXY protocol header that announces a client. The
// destination that the client has connected to is not known here; it is sent
// as all zeros. A client without an IP address is not announced: the header
// then says that the connection is the proxy's own.
func proxyHeader(version string, client netip.AddrPort) ([]byte, error) {
	header := &proxyproto.Header{Version: 1, Command: proxyproto.LOCAL, TransportProtocol: proxyproto.UNSPEC}
	if version == "v2" {
		header.Version = 2
	}
	addr := client.Addr().Unmap().WithZone("")
	if addr.IsValid() {
		header.Command = proxyproto.PROXY
		header.TransportProtocol = proxyproto.TCPv4
		destination := net.IPv4zero
		if addr.Is6() {
			header.TransportProtocol, destination = proxyproto.TCPv6, net.IPv6zero
		}
		header.SourceAddr = &net.TCPAddr{IP: addr.AsSlice(), Port: int(client.Port())}
		header.DestinationAddr = &net.TCPAddr{IP: destination}
	}
	return header.Format()
}
