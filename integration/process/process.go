package process

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	startTimeout = 60 * time.Second
	stopTimeout  = 30 * time.Second
)

// Process is a running Caddy.
type Process struct {
	cmd     *exec.Cmd
	log     log
	exited  chan struct{}
	exitErr error // once exited is closed
	stopped sync.Once
	stopErr error
	killed  atomic.Bool
}

// Start runs Caddy and returns once it is serving.
func Start(o Options) (*Process, error) {
	ready, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer ready.Close()
	p := &Process{exited: make(chan struct{})}
	p.log.keep = max(o.KeepLog, minKept)
	token := rand.Text()
	if p.cmd, err = o.command(ready.Addr().String()); err != nil {
		return nil, err
	}
	p.cmd.Stdin = strings.NewReader(token)
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.exitErr = p.cmd.Wait()
		close(p.exited)
	}()
	select {
	case <-pinged(ready, token):
		return p, nil
	case <-p.exited:
		return nil, fmt.Errorf("caddy did not start: %w\n%s", p.exitErr, p.Log())
	case <-time.After(startTimeout):
		_ = p.cmd.Process.Kill()
		<-p.exited
		return nil, fmt.Errorf("caddy is not serving after %s\n%s", startTimeout, p.Log())
	}
}

// pinged returns what is closed once the token has come: Caddy reads it from
// its standard input, and sends it when it is serving.
func pinged(ln net.Listener, token string) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		for conn, err := ln.Accept(); err == nil; conn, err = ln.Accept() {
			_ = conn.SetDeadline(time.Now().Add(time.Second))
			got, _ := io.ReadAll(conn)
			_ = conn.Close()
			if string(got) == token {
				close(done)
				return
			}
		}
	}()
	return done
}

// Pid returns the process's id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Signal sends the process a signal.
func (p *Process) Signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// Log returns the end of what Caddy has written.
func (p *Process) Log() string { return p.log.tail() }

// Kill ends Caddy as a crash does, and returns once it is gone. Stop then judges
// nothing but what Caddy has written.
func (p *Process) Kill() {
	p.killed.Store(true)
	_ = p.cmd.Process.Kill() // an error says that it has exited already
	<-p.exited
}

// Stop ends Caddy as Ctrl-C does. It is an error if Caddy does not end in good
// order, and if it has written anything but its log, such as the report of a
// data race or the trace of a panic. Calling it again does nothing.
func (p *Process) Stop() error {
	p.stopped.Do(func() {
		// an error says that it has exited already, which is judged below
		_ = p.cmd.Process.Signal(os.Interrupt)
		select {
		case <-p.exited:
			if !p.killed.Load() {
				p.stopErr = p.exitErr
			}
		case <-time.After(stopTimeout):
			_ = p.cmd.Process.Kill()
			<-p.exited
			p.stopErr = fmt.Errorf("caddy has not stopped %s after the interrupt", stopTimeout)
		}
		if strays := p.log.strayLines(); strays != "" {
			p.stopErr = errors.Join(p.stopErr, fmt.Errorf("caddy has written:\n%s", strays))
		}
	})
	return p.stopErr
}
