package proxy

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// canSeeHangups says that the end of what a client sends can be seen before all
// of it was read.
const canSeeHangups = true

// hungUp reports whether the other side has closed the connection, or its half
// of it.
func hungUp(conn syscall.RawConn) (gone bool) {
	err := conn.Control(func(fd uintptr) {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
		n, err := unix.Poll(fds, 0)
		gone = err == nil && n > 0
	})
	return gone || err != nil
}
