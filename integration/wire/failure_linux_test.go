package wire

import (
	"net"
	"syscall"
	"testing"
	"time"
)

// TestFailureBlackhole: a connection that is never established is given up in
// time (RFC 9110 §15.6.5).
func TestFailureBlackhole(t *testing.T) {
	s := impatient.take(t)
	fill(t, s.blackhole(t))
	start := time.Now()
	overHTTP1(t, s, "GET", "/").expectStatus(t, 504)
	if took := time.Since(start); took < 400*time.Millisecond || took > 3*time.Second {
		t.Errorf("it took %s, want about 500ms", took)
	}
	s.expectIdle(t)
	s.expectFailures(t, 1)
}

// blackhole listens at the address of the site's backend with a queue for one
// connection, and never accepts any.
func (s *site) blackhole(t *testing.T) *net.TCPAddr {
	t.Helper()
	addr := s.listeners[0].Addr().(*net.TCPAddr)
	_ = s.listeners[0].Close()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Port: addr.Port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	return addr
}

// fill connects until the queue is full: connecting then takes forever.
func fill(t *testing.T, addr *net.TCPAddr) {
	t.Helper()
	for range 10 {
		conn, err := net.DialTimeout("tcp", addr.String(), settle)
		if err != nil {
			return
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	t.Fatal("the queue does not get full")
}
