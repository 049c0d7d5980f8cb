//go:build unix

package health

import (
	"net"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// blackhole returns an address that connection attempts get no answer from: a
// listener that accepts nothing, with its backlog full.
func blackhole(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(os.NewSyscallError("socket", err))
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(os.NewSyscallError("bind", err))
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(os.NewSyscallError("listen", err))
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(os.NewSyscallError("getsockname", err))
	}
	address := "127.0.0.1:" + strconv.Itoa(name.(*syscall.SockaddrInet4).Port)
	for range 32 {
		conn, err := net.DialTimeout("tcp", address, 200*time.Millisecond)
		if err != nil {
			return address // full
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	t.Fatalf("%s takes connections without end", address)
	return ""
}

// cpuTime returns the processor time that this process has used.
func cpuTime(t testing.TB) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(os.NewSyscallError("getrusage", err))
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
