// Package proc starts the processes of a measurement, accounts for what they
// use, and ends them.
package proc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// grace is how long a process has to end by itself.
const grace = 2 * time.Second

// Process is a running process and its children. They are a process group of
// their own, so that all of them are accounted for and none is left behind.
type Process struct {
	cmd  *exec.Cmd
	log  string
	done chan struct{}
}

// Start runs a program in dir, which also becomes its home, with its output
// in a file there. The program is told to end when this one dies.
func Start(dir, name string, args ...string) (*Process, error) {
	log := filepath.Join(dir, filepath.Base(name)+".log")
	out, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer out.Close()

	cmd := exec.Command(name, args...) //nolint:noctx // Stop ends it, with its children
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &Process{cmd: cmd, log: log, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		_ = cmd.Wait() // how it ended is in its log
	}()
	return p, nil
}

// Stop ends the process and its children.
func (p *Process) Stop() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(grace):
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.done
}

// Listening waits until the process accepts connections at addr.
func (p *Process) Listening(ctx context.Context, addr string) error {
	var dialer net.Dialer
	for {
		conn, err := dialer.DialContext(ctx, "tcp", addr)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended instead of listening at %s: %s", p.cmd.Path, addr, p.lastWords())
		case <-ctx.Done():
			return fmt.Errorf("%s is not listening at %s: %w", p.cmd.Path, addr, errors.Join(ctx.Err(), err))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// lastWords returns the end of the process's output.
func (p *Process) lastWords() string {
	const most = 1000
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(text[max(0, len(text)-most):]))
}
