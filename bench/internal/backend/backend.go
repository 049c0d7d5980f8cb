package backend

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/caddy-loadbalance/caddy-loadbalance/bench/internal/proc"
)

// Options are what the backends need.
type Options struct {
	Certificate

	Dir       string // for their files
	FileLimit int    // how many files a process may open
}

// Server is which server a backend is.
type Server int

// The servers. Fast is nginx where it is installed; it serves the bodies that
// are GET alone. Full serves every path. Late is a Full that takes Slow for
// every answer.
const (
	Fast Server = iota
	FastTLS
	Full
	Late
)

// Backends are running servers.
type Backends struct {
	Nginx bool // that is what the fast ones are

	ports     map[Server]int
	processes []*proc.Process
}

// Start starts the backends. They must be stopped even if an error is returned.
func Start(ctx context.Context, options Options) (*Backends, error) {
	b := &Backends{ports: make(map[Server]int)}
	if err := b.startOwn(ctx, options); err != nil {
		return b, fmt.Errorf("backend: %w", err)
	}
	if !installed("nginx") {
		return b, nil
	}
	if err := b.startNginx(ctx, options); err != nil {
		return b, fmt.Errorf("backend: %w", err)
	}
	b.Nginx = true
	return b, nil
}

// startOwn starts this program as a backend.
func (b *Backends) startOwn(ctx context.Context, options Options) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	ports, err := freePorts(ctx, 3)
	if err != nil {
		return err
	}
	addr := func(i int) string { return net.JoinHostPort("0.0.0.0", strconv.Itoa(ports[i])) }
	err = b.start(ctx, options.Dir, program, ports, Command, "-http", addr(0), "-https", addr(1), "-slow", addr(2),
		"-cert", options.Cert, "-key", options.Key)
	b.ports[Full], b.ports[Fast], b.ports[FastTLS], b.ports[Late] = ports[0], ports[0], ports[1], ports[2]
	return err
}

func (b *Backends) startNginx(ctx context.Context, options Options) error {
	dir := filepath.Join(options.Dir, "nginx")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	ports, err := freePorts(ctx, 2)
	if err != nil {
		return err
	}
	args, err := writeNginx(dir, ports[0], ports[1], options)
	if err != nil {
		return err
	}
	b.ports[Fast], b.ports[FastTLS] = ports[0], ports[1]
	return b.start(ctx, dir, "nginx", ports, args...)
}

// start starts a process, and waits until it listens at its ports.
func (b *Backends) start(ctx context.Context, dir, name string, ports []int, args ...string) error {
	process, err := proc.Start(dir, name, args...)
	if err != nil {
		return err
	}
	b.processes = append(b.processes, process)
	for _, port := range ports {
		if err := process.Listening(ctx, net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err != nil {
			return err
		}
	}
	return nil
}

// Stop stops the backends.
func (b *Backends) Stop() {
	for _, process := range b.processes {
		process.Stop()
	}
}

// Port returns the port at which a server listens.
func (b *Backends) Port(server Server) int {
	return b.ports[server]
}

// Addresses returns n addresses of a server. All of 127.0.0.0/8 is this
// machine, so that one server can be as many backends as there are addresses.
func (b *Backends) Addresses(server Server, n int) []string {
	addrs := make([]string, n)
	for i := range addrs {
		host := net.IPv4(127, 1, byte(i/250), byte(1+i%250))
		addrs[i] = net.JoinHostPort(host.String(), strconv.Itoa(b.ports[server]))
	}
	return addrs
}

func installed(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}

func freePorts(ctx context.Context, n int) ([]int, error) {
	ports := make([]int, n)
	for i := range ports {
		port, err := proc.FreePort(ctx)
		if err != nil {
			return nil, err
		}
		ports[i] = port
	}
	return ports, nil
}
