package shortage

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"
)

// failed is the error of a system call, as the net package returns it.
func failed(call string, errno syscall.Errno, to string) error {
	addr, err := net.ResolveTCPAddr("tcp", to)
	if err != nil {
		panic(err)
	}
	op := &net.OpError{Op: "dial", Net: "tcp", Addr: addr, Err: os.NewSyscallError(call, errno)}
	return fmt.Errorf("an attempt: %w", op)
}

func lookupFailed(text string) error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: text, Name: "a.example", Server: "127.0.0.53:53"}}
}

func TestOf(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{failed("socket", syscall.EMFILE, "127.0.0.1:1"), Descriptors},
		{failed("socket", syscall.ENFILE, "127.0.0.1:1"), Descriptors},
		{failed("socket", syscall.ENOBUFS, "127.0.0.1:1"), memory},
		{failed("connect", syscall.ENOMEM, "127.0.0.1:1"), memory},
		{failed("connect", syscall.EADDRNOTAVAIL, "127.0.0.1:1"), ports},
		{failed("bind", syscall.EADDRINUSE, "127.0.0.1:1"), ports},
		{failed("bind", syscall.EADDRNOTAVAIL, "127.0.0.1:1"), localAddress},
		{lookupFailed("dial udp 127.0.0.53:53: socket: too many open files"), Descriptors},
		{lookupFailed("too many open files in system"), Descriptors},

		{nil, ""},
		{errors.New("too many open files"), ""},
		{failed("connect", syscall.ECONNREFUSED, "127.0.0.1:1"), ""},
		{failed("connect", syscall.EADDRINUSE, "127.0.0.1:1"), ""},
		{failed("connect", syscall.EADDRNOTAVAIL, "0.0.0.0:1"), ports},
		{&net.OpError{Op: "dial", Net: "unix", Err: os.NewSyscallError("connect", syscall.EADDRNOTAVAIL)}, ""},
		{lookupFailed("no such host"), ""},
		{&net.OpError{Op: "dial", Err: context.DeadlineExceeded}, ""},
	} {
		if got := Of(test.err); got != test.want {
			t.Errorf("Of(%v): got %q, want %q", test.err, got, test.want)
		}
	}
}
