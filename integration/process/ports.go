package process

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// Ports are taken from below the range that systems use for outgoing
// connections, so that nothing else takes one between its choice and its use.
const firstPort, lastPort = 20000, 32000

var ports = struct {
	sync.Mutex
	next int
}{next: firstPort + rand.IntN(lastPort-firstPort)}

// FreePort returns a port on which nothing listens, over TCP and UDP. A process
// does not get the same one twice before it went through all.
func FreePort() (int, error) {
	ports.Lock()
	defer ports.Unlock()
	for range lastPort - firstPort {
		port := ports.next
		if ports.next++; ports.next == lastPort {
			ports.next = firstPort
		}
		if free(strconv.Itoa(port)) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no free port between %d and %d", firstPort, lastPort)
}

// FreeAddr returns 127.0.0.1 with a free port.
func FreeAddr() (string, error) {
	port, err := FreePort()
	return "127.0.0.1:" + strconv.Itoa(port), err
}

func free(port string) bool {
	var config net.ListenConfig
	ln, err := config.Listen(context.Background(), "tcp", ":"+port)
	if err != nil {
		return false
	}
	defer ln.Close()
	pc, err := config.ListenPacket(context.Background(), "udp", ":"+port)
	if err != nil {
		return false
	}
	_ = pc.Close()
	return true
}
