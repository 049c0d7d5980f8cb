package fault

import (
	"net"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// A backend whose queue of connections is full lets nobody connect, and refuses
// nobody either.
func TestFullBacklog(t *testing.T) {
	for _, retries := range []bool{false, true} {
		l := layout{backends: 3, health: "health_interval off", transport: impatient}
		name, want := "full accept backlog", scale(20, 200)
		if retries {
			l.pool, name, want = retriesWithoutLimit, name+", with retries", 0
		}
		s := newStage(t, l)
		c := s.run(name)
		s.backends[0].down()
		free := fillBacklog(t, s.backends[0].addr)
		c.send(12, 3*scale(20, 200), newAsk)
		free()
		s.backends[0].up(t)
		c.checkCount(status(504), want)
	}
}

// fillBacklog listens at the address with a queue for one connection, accepts
// none, and connects until connecting takes forever. It returns what ends that.
func fillBacklog(t *testing.T, addr string) (free func()) {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	closers := []func() error{func() error { return syscall.Close(fd) }}
	free = func() {
		for _, end := range closers {
			_ = end()
		}
		closers = nil
	}
	t.Cleanup(free)
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Port: n, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		conn, err := net.DialTimeout("tcp", addr, 300*time.Millisecond)
		if err != nil {
			return free
		}
		closers = append(closers, conn.Close)
	}
	t.Fatal("the backlog does not get full")
	return nil
}
