package proxy

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"syscall"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// ipLocalPortRange is the socket option IP_LOCAL_PORT_RANGE: the lowest port in
// the lower half, the highest in the upper.
const ipLocalPortRange = 51

// A backend that all local ports are connected to is out of reach, and not to
// blame. When a port is free again so is the backend.
func TestPortsRunOut(t *testing.T) {
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		t.Fatal(err)
	}
	var low, port int
	if _, err := fmt.Sscan(string(text), &low, &port); err != nil {
		t.Fatal(err)
	}
	for port -= 16; ; port-- { // the last one is for another test
		if ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			_ = ln.Close()
			break
		}
	}
	reached, release := make(chan struct{}, 1), make(chan struct{})
	h := provision(t, to(rawBackend(t, func(p *peer) {
		p.head()
		reached <- struct{}{}
		<-release
		p.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		p.rest()
	})))
	h.def.Transports.(*transports).dialer.traffic.Control = func(_, _ string, raw syscall.RawConn) error {
		var failed error
		err := raw.Control(func(fd uintptr) {
			failed = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, ipLocalPortRange, port<<16|port)
		})
		return errors.Join(err, failed)
	}
	h.serve(nil)
	first := h.dial()
	first.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	receive(t, reached, "the request to reach the backend")
	res, _ := h.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	wantStatus(t, res, http.StatusServiceUnavailable)
	wantEqual(t, "Retry-After", res.Header.Get("Retry-After"), "1")
	close(release)
	res, _ = first.response("GET")
	wantStatus(t, res, http.StatusOK)
	h.idle()
	if got := h.verdicts(); !slices.Equal(got, []pool.Verdict{pool.LocalFault, pool.Answered}) {
		t.Errorf("verdicts %v", got)
	}
}
