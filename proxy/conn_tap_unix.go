//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package proxy

import "syscall"

// awaitReadable waits until there is something to read, or an error, and
// leaves it where it is.
func (t *tap) awaitReadable() {
	if t.raw == nil {
		return
	}
	_ = t.raw.Read(readable)
}

// pending reports whether there is something to read, or an error, now.
func (t *tap) pending() bool {
	if t.raw == nil {
		return false
	}
	var now bool
	err := t.raw.Control(func(fd uintptr) { now = readable(fd) })
	return now || err != nil
}

func readable(fd uintptr) bool {
	var b [1]byte
	for {
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		switch err {
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
			return false
		}
		return true
	}
}
