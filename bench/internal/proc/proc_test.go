package proc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test's own program is what it starts: told to burn, it uses the
// processor until it is killed; told to listen, it does, and has a child.
func TestMain(m *testing.M) {
	switch os.Getenv("PROC_TEST") {
	case "burn":
		burn()
	case "listen":
		listen(os.Args[1])
	case "fail":
		os.Stdout.WriteString("cannot do that\n")
		os.Exit(3)
	}
	os.Exit(m.Run())
}

// burn ends by itself if nobody kills it.
func burn() {
	for start := time.Now(); time.Since(start) < time.Minute; {
		continue
	}
}

func listen(addr string) {
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "PROC_TEST=burn")
	if err := child.Start(); err != nil {
		panic(err)
	}
	if _, err := net.Listen("tcp", addr); err != nil {
		panic(err)
	}
	select {}
}

func TestProcess(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	port, err := FreePort(ctx)
	if err != nil {
		t.Fatal(err)
	}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	t.Setenv("PROC_TEST", "listen")
	process, err := Start(t.TempDir(), os.Args[0], addr)
	if err != nil {
		t.Fatal(err)
	}
	defer process.Stop()
	if err := process.Listening(ctx, addr); err != nil {
		t.Fatal(err)
	}

	poll(ctx, t, func() error { // until the child has used something
		used, err := process.Usage()
		if err != nil {
			t.Fatal(err)
		}
		if used.CPU < 100*time.Millisecond || used.Memory == 0 || used.PeakMemory < used.Memory {
			return fmt.Errorf("got usage %+v, want at least 100ms and some memory", used)
		}
		return nil
	})

	process.Stop()
	poll(ctx, t, func() error { // a killed child is there until init has taken note
		_, err := process.Usage()
		if !errors.Is(err, errEnded) && !errors.Is(syscall.Kill(-process.cmd.Process.Pid, 0), syscall.ESRCH) {
			return fmt.Errorf("after Stop: got %s, want %w", fmt.Sprint(err), errEnded)
		}
		return nil
	})
}

// poll calls check until it returns nil, and fails the test with its last error
// once the context ends.
func poll(ctx context.Context, t *testing.T, check func() error) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal(err)
		case <-tick.C:
		}
	}
}

func TestProcessThatFails(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	port, err := FreePort(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PROC_TEST", "fail")
	process, err := Start(t.TempDir(), os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer process.Stop()
	err = process.Listening(ctx, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err == nil || !strings.Contains(err.Error(), "cannot do that") {
		t.Errorf("got %v, want an error with what it said", err)
	}
}
