package integration

import (
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
)

// Ports are taken from below the range that systems use for outgoing
// connections, so that nothing else takes one between its choice and its use.
const firstPort, lastPort = 20000, 30000

var ports = struct {
	sync.Mutex
	next int
}{next: firstPort + rand.IntN(lastPort-firstPort)}

// freePort returns a port on which nothing listens, over TCP and UDP. A test
// run does not get the same one twice before it went through all of them.
func freePort(t *testing.T) int {
	t.Helper()
	ports.Lock()
	defer ports.Unlock()
	for range lastPort - firstPort {
		port := ports.next
		if ports.next++; ports.next == lastPort {
			ports.next = firstPort
		}
		if portFree(port) {
			return port
		}
	}
	t.Fatalf("no free port between %d and %d", firstPort, lastPort)
	return 0
}

// freeAddr returns 127.0.0.1 with a free port.
func freeAddr(t *testing.T) string {
	t.Helper()
	return "127.0.0.1:" + strconv.Itoa(freePort(t))
}

// portFree reports whether all of this machine's addresses have the port free.
func portFree(port int) bool {
	address := ":" + strconv.Itoa(port)
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return false
	}
	defer func() { _ = ln.Close() }()
	pc, err := net.ListenPacket("udp", address)
	if err != nil {
		return false
	}
	_ = pc.Close()
	return true
}
