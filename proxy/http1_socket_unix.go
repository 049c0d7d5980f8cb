//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package proxy

import (
	"net"
	"syscall"
)

// canLookIntoSockets says that what has arrived can be seen without a reader.
const canLookIntoSockets = true

// socket is what is below a connection.
type socket struct {
	raw    syscall.RawConn
	peek   func(fd uintptr) // made once, so that looking does not allocate
	result look
}

// look is what there is to see of an idle connection.
type look uint8

const (
	lookQuiet  look = iota // open, and nothing has arrived
	lookData               // something has
	lookClosed             // closed, or broken
)

func (s *socket) open(conn net.Conn) {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return
	}
	s.raw = raw
	s.peek = func(fd uintptr) { s.result = peek(int(fd)) }
}

// look tells whether something has arrived, or the connection was closed.
func (s *socket) look() look {
	if s.raw == nil || s.raw.Control(s.peek) != nil {
		return lookClosed
	}
	return s.result
}

func peek(fd int) look {
	var b [1]byte
	for {
		n, _, err := syscall.Recvfrom(fd, b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		switch {
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			return lookQuiet
		case err == nil && n > 0:
			return lookData
		default:
			return lookClosed
		}
	}
}
