package health

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

func TestDescribe(t *testing.T) {
	dial := func(errno syscall.Errno) error {
		return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", errno)}
	}
	tests := []struct {
		err   error
		want  string
		local bool
	}{
		{dial(syscall.ECONNREFUSED), "connection refused", false},
		{dial(syscall.EHOSTUNREACH), "host unreachable", false},
		{dial(syscall.ENETUNREACH), "network unreachable", false},
		{dial(syscall.EADDRNOTAVAIL), "address not available", false},
		{dial(syscall.EACCES), "permission denied", false},
		{&net.OpError{Op: "dial", Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}, Err: os.NewSyscallError("connect", syscall.EADDRNOTAVAIL)}, "not probed for want of local ports here", true},
		{dial(syscall.EMFILE), "not probed for want of file descriptors here", true},
		{dial(syscall.ENFILE), "not probed for want of file descriptors here", true},
		{dial(syscall.ENOBUFS), "not probed for want of memory here", true},
		{dial(syscall.ENOMEM), "not probed for want of memory here", true},
		{dial(syscall.EAFNOSUPPORT), "dial failed", false},
		{
			&net.OpError{Op: "dial", Err: &config.UnlistedError{Addr: netip.MustParseAddr("169.254.1.1")}},
			"address 169.254.1.1 must be listed in allow_backends", false,
		},
		{&net.OpError{Op: "dial", Err: &net.DNSError{Name: "a.test", IsNotFound: true}}, "host name not found", false},
		{&net.OpError{Op: "dial", Err: &net.DNSError{Name: "a.test", Err: "server misbehaving"}}, "host name lookup failed", false},
		{&net.OpError{Op: "dial", Err: &net.DNSError{Name: "a.test", IsTimeout: true}}, "timeout after 5s", false},
		{fmt.Errorf("while probing: %w", context.DeadlineExceeded), "timeout after 5s", false},
		{&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, "timeout after 5s", false},
		{&url.Error{Op: "Get", URL: "http://u:secret@a/", Err: rejection("too many redirects")}, "too many redirects", false},
		{&handshakeError{errors.New("remote error: secret")}, "TLS handshake failed", false},
		{errors.New("secret"), "no valid response", false},
		{fmt.Errorf("%w: secret", errPanicked), "internal error", true},
	}
	for _, test := range tests {
		got := describe(test.err, 5*time.Second)
		if got != test.want || strings.Contains(got, "secret") {
			t.Errorf("%v: got %q, want %q", test.err, got, test.want)
		}
		if local := isLocal(test.err); local != test.local {
			t.Errorf("%v: local is %t", test.err, local)
		}
	}
	if got := describe(context.DeadlineExceeded, 0); got != "timeout" {
		t.Errorf("timeout of unknown length: %q", got)
	}
}

func TestStatuses(t *testing.T) {
	tests := []struct {
		codes []int
		want  string
	}{
		{[]int{2}, "2xx"},
		{[]int{200, 3}, "200 or 3xx"},
		{[]int{200, 204, 404}, "200, 204 or 404"},
	}
	for _, test := range tests {
		if got := statuses(test.codes); got != test.want {
			t.Errorf("%v: got %q, want %q", test.codes, got, test.want)
		}
	}
}
