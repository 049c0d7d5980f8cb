package proxy

import (
	"errors"
	"net"
	"testing"
)

type halfCloser struct {
	net.Conn
	closed bool
}

func (h *halfCloser) CloseWrite() error {
	h.closed = true
	return nil
}

// counted is what a server may hand out for a connection: an embedded one.
type counted struct{ net.Conn }

func TestCloseWriteOfWrappedConnections(t *testing.T) {
	inner := &halfCloser{}
	for name, c := range map[string]any{
		"itself": inner, "by pointer": &counted{Conn: inner}, "by value": counted{Conn: inner},
		"twice": &counted{Conn: &counted{Conn: inner}},
	} {
		inner.closed = false
		if err := closeWrite(c); err != nil || !inner.closed {
			t.Errorf("%s: %v, closed: %v", name, err, inner.closed)
		}
	}
	a, b := net.Pipe()
	defer func() { _, _ = a.Close(), b.Close() }()
	for name, c := range map[string]any{"none": nil, "cannot": a, "wraps one that cannot": &counted{Conn: a}, "wraps none": &counted{}, "no struct": 1} {
		if err := closeWrite(c); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
