package process

import (
	"context"
	"errors"
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

// FreeAddr returns 127.0.0.1 with a port on which nothing listens, over TCP and
// UDP. A process does not get the same one twice before it went through all.
func FreeAddr() (string, error) {
	ports.Lock()
	defer ports.Unlock()
	for range lastPort - firstPort {
		port := strconv.Itoa(ports.next)
		if ports.next++; ports.next == lastPort {
			ports.next = firstPort
		}
		if free(port) {
			return "127.0.0.1:" + port, nil
		}
	}
	return "", errors.New("no free port")
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
