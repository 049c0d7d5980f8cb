package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

const (
	startTimeout = 60 * time.Second
	stopTimeout  = 20 * time.Second
)

// process is a running Caddy.
type process struct {
	home   string
	cmd    *exec.Cmd
	log    *logBuffer
	exited chan error
}

// start runs Caddy and returns once it is serving.
func start(binary, home string, config []byte) (*process, error) {
	file := filepath.Join(home, "config.json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		return nil, err
	}
	ready, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer func() { _ = ready.Close() }()
	const token = "serving"
	p := &process{home: home, log: new(logBuffer), exited: make(chan error, 1)}
	p.cmd = exec.Command(binary, "run", "--config", file, "--pingback", ready.Addr().String())
	p.cmd.Dir = home
	// extended CONNECT, for WebSockets over HTTP/2, is off in Go's server by default
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "GOTRACEBACK=all", "GODEBUG=http2xconnect=1"}
	p.cmd.Stdin = strings.NewReader(token)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { p.exited <- p.cmd.Wait() }()
	pinged := make(chan struct{})
	go func() {
		for conn, err := ready.Accept(); err == nil; conn, err = ready.Accept() {
			_ = conn.SetDeadline(time.Now().Add(time.Second))
			got, _ := io.ReadAll(conn)
			_ = conn.Close()
			if string(got) == token {
				close(pinged)
				return
			}
		}
	}()
	select {
	case <-pinged:
		return p, nil
	case err := <-p.exited:
		return nil, fmt.Errorf("caddy did not start: %w\n%s", err, p.log.tail(4000))
	case <-time.After(startTimeout):
		_ = p.cmd.Process.Kill()
		return nil, fmt.Errorf("caddy is not serving after %s\n%s", startTimeout, p.log.tail(4000))
	}
}

// stop ends Caddy as Ctrl-C does. It is an error if Caddy has written anything
// but its log, such as the report of a data race or the trace of a panic.
func (p *process) stop() error {
	_ = p.cmd.Process.Signal(os.Interrupt)
	select {
	case err := <-p.exited:
		if strays := p.log.strays(); strays != "" {
			err = errors.Join(err, fmt.Errorf("caddy has written:\n%.20000s", strays))
		}
		return err
	case <-time.After(stopTimeout):
		_ = p.cmd.Process.Kill()
		<-p.exited
		return fmt.Errorf("caddy has not stopped %s after the interrupt; its log ends with:\n%s", stopTimeout, p.log.tail(4000))
	}
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

// strays returns the lines that are not JSON.
func (b *logBuffer) strays() string {
	var strays strings.Builder
	for line := range strings.Lines(b.String()) {
		if !strings.HasPrefix(line, "{") {
			strays.WriteString(line)
		}
	}
	return strays.String()
}

// tail returns the last n bytes.
func (b *logBuffer) tail(n int) string {
	s := b.String()
	return s[max(0, len(s)-n):]
}
