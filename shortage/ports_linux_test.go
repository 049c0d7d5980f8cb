package shortage

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"
)

// ipLocalPortRange is the socket option IP_LOCAL_PORT_RANGE: the lowest port in
// the lower half, the highest in the upper. It is there from Linux 6.3 on.
const ipLocalPortRange = 51

// A port range in which every port is in use makes for the real thing.
func TestPortsRunOut(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	dial := func(port int) (net.Conn, error) {
		d := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
			var failed error
			err := raw.Control(func(fd uintptr) {
				failed = os.NewSyscallError("setsockopt", syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, ipLocalPortRange, port<<16|port))
			})
			return errors.Join(err, failed)
		}}
		return d.Dial("tcp", ln.Addr().String())
	}
	port := highestPort(t)
	first, err := dial(port)
	for ; errors.Is(err, syscall.EADDRNOTAVAIL); first, err = dial(port) {
		port-- // somebody else has it
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = first.Close() }()
	_, err = dial(port)
	if !errors.Is(err, syscall.EADDRNOTAVAIL) {
		t.Fatalf("got %v, want EADDRNOTAVAIL", err)
	}
	if got := Of(err); got != ports {
		t.Errorf("Of(%v): got %q, want %q", err, got, ports)
	}
}

// highestPort returns the last of the ports that the system gives out. Others
// are no part of a socket's own range.
func highestPort(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		t.Fatal(err)
	}
	var low, high int
	if _, err := fmt.Sscan(string(text), &low, &high); err != nil {
		t.Fatal(err)
	}
	return high
}

// An address that nothing here can reach is no shortage, though the system says
// the same of it.
func TestNoSourceIsNoShortage(t *testing.T) {
	if hasSource(&net.TCPAddr{IP: net.ParseIP("fe80::1")}) {
		t.Error("there is a source for a link-local address without an interface")
	}
	if !hasSource(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}) {
		t.Error("there is no source for the loopback address")
	}
}
