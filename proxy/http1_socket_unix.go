//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package proxy

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// canLookIntoSockets says that what has arrived can be seen without a reader.
const canLookIntoSockets = true

// socket is what is below a connection. It is used by one goroutine at a time.
type socket struct {
	raw    syscall.RawConn
	peek   func(fd uintptr)      // made once, so that looking does not allocate
	step   func(fd uintptr) bool // of ask; likewise
	seen   look
	out    *[]byte      // what to ask; nil: nothing, or it was sent
	in     *http1Buffer // where the answer goes
	asking bool         // out was not written yet
	sent   int          // bytes of out
	err    error
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
	s.peek = func(fd uintptr) { s.seen, _ = peek(int(fd)) }
	s.step = func(fd uintptr) bool { return s.askStep(int(fd)) }
}

// look tells whether something has arrived, or the connection was closed.
func (s *socket) look() look {
	if s.raw == nil || s.raw.Control(s.peek) != nil {
		return lookClosed
	}
	return s.seen
}

// ask looks at the connection, writes to it if all is quiet, and waits for the
// first bytes of the answer: as one operation, which saves trying to read when
// nothing can have come yet. Nothing was written unless the look is quiet. The
// memory of out is given back when all of it was sent; if fewer bytes were, the
// rest is to be written first. Memory for the answer is taken when it comes.
func (s *socket) ask(out *[]byte, in *http1Buffer) (seen look, sent int, err error) {
	if s.raw == nil {
		return lookClosed, 0, nil
	}
	s.out, s.in, s.asking, s.sent, s.err = out, in, true, 0, nil
	err = s.raw.Read(s.step)
	s.out, s.in = nil, nil
	switch {
	case s.asking && errors.Is(err, os.ErrDeadlineExceeded):
		return lookQuiet, 0, err // nobody has looked yet
	case s.asking:
		return lookClosed, 0, err
	case err == nil:
		err = s.err
	}
	return s.seen, s.sent, err
}

// receive waits for bytes, and takes memory for them only when there are some.
func (s *socket) receive(in *http1Buffer) error {
	s.in, s.asking, s.err = in, false, nil
	err := s.raw.Read(s.step)
	s.in = nil
	if err == nil {
		err = s.err
	}
	return err
}

// askStep is called until it returns true; in between, the connection becomes
// readable. What arrives after the first call makes for another one.
func (s *socket) askStep(fd int) (done bool) {
	if s.asking {
		s.asking = false
		return s.askWrite(fd)
	}
	if s.in.buf == nil {
		if s.out == nil {
			seen, err := peek(fd)
			if err != nil {
				// the system does not tell of it again: a read that follows
				// finds the end of the stream, as if it had ended well
				s.err = os.NewSyscallError("read", err)
				return true
			}
			if seen == lookQuiet {
				return false
			}
		}
		s.in.open()
	}
	n, err := again(func() (int, error) { return syscall.Read(fd, s.in.buf[s.in.w:]) })
	switch {
	case errors.Is(err, syscall.EAGAIN):
		return false
	case err != nil:
		s.err = os.NewSyscallError("read", err)
	case n == 0:
		s.err = io.EOF
	default:
		s.in.w += n
	}
	return true
}

// askWrite is the first step of ask.
func (s *socket) askWrite(fd int) (done bool) {
	if s.seen, _ = peek(fd); s.seen != lookQuiet {
		return true
	}
	n, err := again(func() (int, error) { return syscall.Write(fd, *s.out) })
	s.sent = max(n, 0)
	if err != nil && !errors.Is(err, syscall.EAGAIN) {
		s.err = os.NewSyscallError("write", err)
	}
	if err != nil || n < len(*s.out) {
		return true
	}
	releaseHead(s.out)
	return false
}

// again repeats a system call that a signal has interrupted.
func again(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, syscall.EINTR) {
			return n, err
		}
	}
}

// peek tells what there is to see, and the error that the connection has broken
// with, if it has.
func peek(fd int) (look, error) {
	var b [1]byte
	for {
		n, _, err := syscall.Recvfrom(fd, b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		switch {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EAGAIN):
			return lookQuiet, nil
		case err == nil && n > 0:
			return lookData, nil
		default:
			return lookClosed, err
		}
	}
}
