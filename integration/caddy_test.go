package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

// wholeLog is more than what the Caddy of any test writes.
const wholeLog = 1 << 26

// proc is a running Caddy.
type proc struct {
	*process.Process

	// Admin is the `host:port` of the admin endpoint, unless the config
	// names another one.
	Admin string

	// Data is the directory of Caddy's file storage.
	Data string

	// Home is the working directory and the parent of Data.
	Home string
}

// startCaddy runs Caddy with the config, which is in the format of the adapter
// (`caddyfile`, or empty for JSON), and returns once it is serving. It is
// stopped when the test ends; the test fails if it does not stop in time, or
// not in good order (which a data race spoils).
func startCaddy(t *testing.T, config, adapter string) *proc {
	t.Helper()
	return startCaddyAt(t, freeAddr(t), config, adapter)
}

// startCaddyAt is startCaddy with an address for the admin endpoint.
func startCaddyAt(t *testing.T, admin, config, adapter string) *proc {
	t.Helper()
	return run(t, admin, process.Options{Home: t.TempDir(), Config: config, JSON: adapter == ""})
}

// startCaddyIn is startCaddy with a home directory and arguments of the
// caller's choice, for instance to start Caddy once more on the same storage.
func startCaddyIn(t *testing.T, home, admin string, args ...string) *proc {
	t.Helper()
	return run(t, admin, process.Options{Home: home, Args: args})
}

// startCaddyfile is startCaddyIn with a Caddyfile, whose name in the directory
// others must not have.
func startCaddyfile(t *testing.T, home, name, text string) *proc {
	t.Helper()
	file := filepath.Join(home, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return startCaddyIn(t, home, freeAddr(t), "run", "--adapter", "caddyfile", "--config", file)
}

func run(t *testing.T, admin string, o process.Options) *proc {
	t.Helper()
	o.Binary, o.Env, o.KeepLog = caddyBinary(t), []string{"CADDY_ADMIN=" + admin}, wholeLog
	return &proc{Process: process.Run(t, o), Admin: admin, Data: filepath.Join(o.Home, "data", "caddy"), Home: o.Home}
}

// stop ends Caddy as Ctrl-C does. Calling it again does nothing.
func (p *proc) stop(t *testing.T) {
	t.Helper()
	if err := p.Stop(); err != nil {
		t.Errorf("caddy ended with: %v", err)
	}
}

// waitLog returns once Caddy has written all of the texts.
func (p *proc) waitLog(t *testing.T, texts ...string) {
	t.Helper()
	eventually(t, func() error {
		log := p.Log()
		for _, text := range texts {
			if !strings.Contains(log, text) {
				return fmt.Errorf("the log has no %q", text)
			}
		}
		return nil
	})
}

// eventually calls check until it returns nil, and fails the test with its
// last error if that takes too long.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	process.Eventually(t, check)
}
