package health

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/shortage"
)

// causes are the errors of the system that have words of their own.
var causes = []struct {
	err  error
	text string
}{
	{syscall.ECONNREFUSED, "connection refused"},
	{syscall.ECONNRESET, "connection reset"},
	{syscall.EPIPE, "connection reset"},
	{syscall.EHOSTUNREACH, "host unreachable"},
	{syscall.ENETUNREACH, "network unreachable"},
	{syscall.EADDRNOTAVAIL, "address not available"},
	{syscall.ENOENT, "no such socket"},
	{syscall.EACCES, "permission denied"},
	{syscall.EPERM, "permission denied"},
	{errPanicked, "internal error"},
}

// describe returns why a probe or a request failed in a few words for people.
// They repeat nothing that the backend has sent. timeout is how long was
// waited; 0 if that is not known.
func describe(err error, timeout time.Duration) string {
	if said, ok := errors.AsType[rejection](err); ok {
		return string(said)
	}
	if unlisted, ok := errors.AsType[*config.UnlistedError](err); ok {
		return unlisted.Error()
	}
	if what := shortage.Of(err); what != "" {
		return "not probed for want of " + what + " here"
	}
	for _, cause := range causes {
		if errors.Is(err, cause.err) {
			return cause.text
		}
	}
	var lookup *net.DNSError
	if errors.As(err, &lookup) && !lookup.IsTimeout {
		if lookup.IsNotFound {
			return "host name not found"
		}
		return "host name lookup failed"
	}
	var timer net.Error
	if errors.Is(err, context.DeadlineExceeded) || (errors.As(err, &timer) && timer.Timeout()) {
		if timeout <= 0 {
			return "timeout"
		}
		return "timeout after " + timeout.String()
	}
	if _, ok := errors.AsType[*handshakeError](err); ok {
		return describeTLS(err)
	}
	return describeHTTP(err)
}

func describeTLS(err error) string {
	var (
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
		notTLS    tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &authority):
		return "certificate of an unknown authority"
	case errors.As(err, &name):
		return "certificate for another name"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "certificate expired or not yet valid"
	case errors.As(err, &invalid):
		return "certificate not valid"
	case errors.As(err, &notTLS):
		return "not a TLS server"
	case errors.Is(err, io.EOF):
		return "connection closed during the TLS handshake"
	}
	return "TLS handshake failed"
}

func describeHTTP(err error) string {
	switch {
	case isRedirectError(err):
		return "malformed redirect"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection closed before a response"
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Op + " failed"
	}
	return "no valid response"
}

// isLocal reports whether a probe failed for want of something on this
// machine, or by a fault of this program. That says nothing about the backend:
// all of them would be down at once.
func isLocal(err error) bool {
	return errors.Is(err, errPanicked) || shortage.Of(err) != ""
}

// statuses returns a list of status codes and classes in words: "200 or 3xx".
func statuses(codes []int) string {
	words := make([]string, len(codes))
	for i, code := range codes {
		words[i] = strconv.Itoa(code)
		if code < 10 {
			words[i] += "xx"
		}
	}
	if last := len(words) - 1; last > 0 {
		return strings.Join(words[:last], ", ") + " or " + words[last]
	}
	return strings.Join(words, "")
}
