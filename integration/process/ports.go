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
// Tests of several packages run at a time: each process takes its ports from
// blocks that no other has, which it holds by listening on the block's own port.
const (
	firstPort  = 20000
	blockSize  = 100
	blocks     = 120
	firstBlock = firstPort + blocks*blockSize // the port of the first block
)

var ports struct {
	sync.Mutex
	next, end int
	held      []net.Listener // as long as the process lives
}

// FreePort returns a port on which nothing listens, over TCP and UDP. No process
// of tests gets one that another has got.
func FreePort() (int, error) {
	ports.Lock()
	defer ports.Unlock()
	for {
		for ports.next < ports.end {
			port := ports.next
			ports.next++
			if free(port) {
				return port, nil
			}
		}
		if err := nextBlock(); err != nil {
			return 0, err
		}
	}
}

func nextBlock() error {
	first := rand.IntN(blocks)
	for i := range blocks {
		block := (first + i) % blocks
		ln, err := listen("127.0.0.1", firstBlock+block)
		if err != nil {
			continue // another process has it, or this one
		}
		ports.held = append(ports.held, ln)
		ports.next = firstPort + block*blockSize
		ports.end = ports.next + blockSize
		return nil
	}
	return errors.New("all ports for tests are in use")
}

// FreeAddr returns 127.0.0.1 with a free port.
func FreeAddr() (string, error) {
	port, err := FreePort()
	return "127.0.0.1:" + strconv.Itoa(port), err
}

func listen(host string, port int) (net.Listener, error) {
	return new(net.ListenConfig).Listen(context.Background(), "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
}

func free(port int) bool {
	ln, err := listen("", port)
	if err != nil {
		return false
	}
	defer ln.Close()
	pc, err := new(net.ListenConfig).ListenPacket(context.Background(), "udp", ":"+strconv.Itoa(port))
	if err != nil {
		return false
	}
	_ = pc.Close()
	return true
}
