package proxy

import (
	"net/http"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
)

// A process that has used up its descriptors gives up an idle connection to one
// backend for a new one to another. If it has none, nobody can help it.
func TestIdleConnectionIsGivenUp(t *testing.T) {
	if overNet {
		return // its idle connections are net/http's
	}
	ended := make(chan struct{}, 1)
	first := rawBackend(t, func(p *peer) {
		answering("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1")(p)
		ended <- struct{}{}
	})
	second := rawBackend(t, answering("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n2"))
	h := provision(t, to(first, second))
	var lacking atomic.Int32
	h.def.Transports.(*transports).dialer.traffic.Control = func(_, _ string, _ syscall.RawConn) error {
		if lacking.Add(-1) >= 0 {
			return os.NewSyscallError("socket", syscall.EMFILE)
		}
		return nil
	}
	h.serve(nil)
	_, body := h.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	wantEqual(t, "body", body, "1")
	lacking.Store(1)
	_, body = h.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	wantEqual(t, "body", body, "2")
	receive(t, ended, "the idle connection to be closed")
	lacking.Store(1)
	res, _ := h.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	wantStatus(t, res, http.StatusServiceUnavailable)
	wantEqual(t, "Retry-After", res.Header.Get("Retry-After"), "1")
}
