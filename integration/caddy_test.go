package integration

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	startTimeout = 30 * time.Second
	stopTimeout  = 15 * time.Second
)

// proc is a running Caddy.
type proc struct {
	// Admin is the `host:port` of the admin endpoint, unless the config
	// names another one.
	Admin string

	// Data is the directory of Caddy's file storage.
	Data string

	// Home is the working directory and the parent of Data.
	Home string

	cmd     *exec.Cmd
	log     *logBuffer
	exited  chan struct{}
	exitErr error // once exited is closed
	stopped sync.Once
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
	home := t.TempDir()
	name := filepath.Join(home, "config.json")
	if adapter != "" {
		name = filepath.Join(home, "Caddyfile")
	}
	if err := os.WriteFile(name, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"run", "--config", name}
	if adapter != "" {
		args = append(args, "--adapter", adapter)
	}
	return startCaddyIn(t, home, admin, args...)
}

// startCaddyIn is startCaddy with a home directory and arguments of the
// caller's choice, for instance to start Caddy once more on the same storage.
func startCaddyIn(t *testing.T, home, admin string, args ...string) *proc {
	t.Helper()
	p := &proc{
		Admin:  admin,
		Data:   filepath.Join(home, "data", "caddy"),
		Home:   home,
		log:    new(logBuffer),
		exited: make(chan struct{}),
	}
	ready := pingback(t)
	p.cmd = exec.Command(caddyBinary(t), append(args, "--pingback", ready.addr)...)
	p.cmd.Dir = home
	p.cmd.Env = caddyEnv(home, "CADDY_ADMIN="+p.Admin)
	p.cmd.Stdin = strings.NewReader(ready.token)
	p.cmd.Stdout = p.log
	p.cmd.Stderr = p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.exitErr = p.cmd.Wait()
		close(p.exited)
	}()
	t.Cleanup(func() {
		p.stop(t)
		if t.Failed() {
			t.Logf("log of caddy:\n%s", p.Log())
		}
	})
	select {
	case <-ready.done:
	case <-p.exited:
		t.Fatalf("caddy did not start: %v", p.exitErr)
	case <-time.After(startTimeout):
		t.Fatalf("caddy is not serving after %s", startTimeout)
	}
	return p
}

// stop ends Caddy as Ctrl-C does. Calling it again does nothing.
func (p *proc) stop(t *testing.T) {
	t.Helper()
	p.stopped.Do(func() {
		// an error says that it has exited already, which is judged below
		_ = p.cmd.Process.Signal(os.Interrupt)
		select {
		case <-p.exited:
			if p.exitErr != nil {
				t.Errorf("caddy ended with: %v", p.exitErr)
			}
		case <-time.After(stopTimeout):
			t.Errorf("caddy has not stopped %s after the interrupt", stopTimeout)
			_ = p.cmd.Process.Kill()
			<-p.exited
		}
	})
}

// Log returns what Caddy has written so far.
func (p *proc) Log() string { return p.log.String() }

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

// pinged is how Caddy tells that it is serving: it sends the token, which it
// reads from its standard input, to the address.
type pinged struct {
	addr, token string
	done        chan struct{}
}

func pingback(t *testing.T) pinged {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := pinged{addr: ln.Addr().String(), token: rand.Text(), done: make(chan struct{})}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return // closed by the cleanup
			}
			_ = conn.SetDeadline(time.Now().Add(time.Second))
			got, _ := io.ReadAll(conn)
			_ = conn.Close()
			if string(got) == p.token {
				close(p.done)
				return
			}
		}
	}()
	return p
}

// logBuffer is a bytes.Buffer that may be read while it is being written.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// eventually calls check until it returns nil, and fails the test with its
// last error if that takes more than ten seconds.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-deadline.C:
			t.Fatal(err)
		case <-tick.C:
		}
	}
}
