package shortage

import (
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
)

// Of returns what this machine lacked, in a few words for people, if err was
// caused by that; nothing otherwise.
func Of(err error) string {
	if err == nil {
		return ""
	}
	for _, s := range shortages {
		if errors.Is(err, s.errno) {
			return s.what
		}
	}
	if lookup, ok := errors.AsType[*net.DNSError](err); ok {
		return ofLookup(lookup)
	}
	return ofAddress(err)
}

var shortages = []struct {
	errno syscall.Errno
	what  string
}{
	{syscall.EMFILE, Descriptors},
	{syscall.ENFILE, Descriptors},
	{syscall.ENOBUFS, memory},
	{syscall.ENOMEM, memory},
}

// Descriptors is what a process has a limit of, and can give up some of.
const Descriptors = "file descriptors"

const (
	memory       = "memory"
	ports        = "local ports"
	localAddress = "the local address"
)

// ofLookup looks at the failed lookup of a name. The net package keeps the
// system's error as text alone.
func ofLookup(lookup *net.DNSError) string {
	for _, s := range shortages {
		if strings.HasSuffix(lookup.Err, s.errno.Error()) {
			return s.what
		}
	}
	return ""
}

// ofAddress looks at a connection that got no local address. If there is one to
// be had, its ports are all in use: on bind, where a local address was asked
// for, and on connect otherwise.
func ofAddress(err error) string {
	call, ok := errors.AsType[*os.SyscallError](err)
	if !ok {
		return ""
	}
	inUse, notAvailable := errors.Is(call.Err, syscall.EADDRINUSE), errors.Is(call.Err, syscall.EADDRNOTAVAIL)
	switch {
	case call.Syscall == "bind" && inUse:
		return ports
	case call.Syscall == "bind" && notAvailable:
		return localAddress
	case notAvailable:
		if op, ok := errors.AsType[*net.OpError](err); ok && hasSource(op.Addr) {
			return ports
		}
	}
	return ""
}

// hasSource reports whether there is a local address from which addr can be
// reached. Without, for instance with an IPv6 address where there is no IPv6, a
// connection fails as if it had found no port. UDP has ports of its own, and
// sends nothing to connect.
func hasSource(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return false
	}
	conn, err := net.DialUDP("udp", nil, &net.UDPAddr{IP: tcp.IP, Port: discard, Zone: tcp.Zone})
	if err != nil {
		return Of(errors.Unwrap(err)) != "" // without asking here again
	}
	_ = conn.Close()
	return true
}

// discard is the port of a service that does nothing (RFC 863).
const discard = 9
