// Package peer has the proxies that are measured side by side, and how each
// is told to do the same.
package peer

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/bench/internal/proc"
)

// Site is what a proxy has to serve.
type Site struct {
	Port       int
	TLS        bool // for clients
	Cert, Key  string
	Both       string // a file with certificate and key
	Backends   []string
	BackendTLS bool
	LeastConn  bool // rather than round robin
	Idle       int  // idle connections to keep to each backend, if not the default
	Body       string
	Clients    int // connections of clients
}

// connections is how many connections a proxy must be able to have, those of
// clients and those to backends, with some to spare.
func (s Site) connections() int {
	return 2*(s.Clients+s.Idle+len(s.Backends)) + 1000
}

// Proxy is one of the programs, in one of its ways of working.
type Proxy struct {
	Name    string
	Program string
	Install string // how to, where the program is missing

	// FrontOnly says that it answers by itself: it is no proxy, but shows what
	// the server costs that the proxies live in.
	FrontOnly bool

	// PlainOnly says that it can do nothing but plain GETs: it is no proxy
	// either, but shows what one costs that does nothing of its own.
	PlainOnly bool

	versionArgs []string
	configure   func(dir string, site Site) (args []string, err error)
}

// Missing returns why the proxy cannot be measured, or nothing.
func (p Proxy) Missing() string {
	if _, err := exec.LookPath(p.Program); err != nil {
		return fmt.Sprintf("%s is not installed: %s", p.Name, p.Install)
	}
	return ""
}

// Start starts the proxy, with its files in dir, and waits until it listens.
func (p Proxy) Start(ctx context.Context, dir string, site Site) (*proc.Process, error) {
	args, err := p.configure(dir, site)
	if err != nil {
		return nil, fmt.Errorf("configure %s: %w", p.Name, err)
	}
	process, err := proc.Start(dir, p.Program, args...)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := process.Listening(ctx, net.JoinHostPort("127.0.0.1", strconv.Itoa(site.Port))); err != nil {
		process.Stop()
		return nil, err
	}
	return process, nil
}

// Version returns the first line of what the program says about itself.
func (p Proxy) Version(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, p.Program, p.versionArgs...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("version of %s: %w", p.Name, err)
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return line, nil
}

// writeConfig writes a configuration into dir and returns its name.
func writeConfig(dir, name, text string) (string, error) {
	file := filepath.Join(dir, name)
	return file, os.WriteFile(file, []byte(text), 0o600)
}
