package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

func TestClientThatLeavesCancelsTheBackend(t *testing.T) {
	got := make(chan struct{}, 1)
	ended := make(chan string, 1)
	h := start(t, to(rawBackend(t, func(p *peer) {
		p.head()
		got <- struct{}{}
		ended <- p.rest()
	})))
	c := h.dial()
	c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	receive(t, got, "request")
	began := time.Now()
	_ = c.Close()
	receive(t, ended, "end of the backend connection")
	if d := time.Since(began); d > time.Second {
		t.Errorf("the backend connection ended after %s", d)
	}
	wantEqual(t, "status in the log", h.result(0).written, statusClientGone)
	if got := h.verdicts(); !slices.Equal(got, []pool.Verdict{pool.ClientFault}) {
		t.Errorf("verdicts %v", got)
	}
}

func TestClientThatLeavesMidBody(t *testing.T) {
	ended := make(chan string, 1)
	h := start(t, to(rawBackend(t, func(p *peer) {
		p.head()
		p.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
		ended <- p.rest()
	})))
	c := h.dial()
	c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	c.head()
	_ = c.Close()
	receive(t, ended, "end of the backend connection")
	h.result(0)
	if got := h.verdicts(); !slices.Equal(got, []pool.Verdict{pool.Answered}) {
		t.Errorf("verdicts %v", got)
	}
	wantEqual(t, "warnings", h.logs.FilterMessage("response was cut short").FilterLevelExact(2).Len(), 0)
}

func TestFailuresOfBackends(t *testing.T) {
	short := caddy.Duration(50 * time.Millisecond)
	silent := func(p *peer) { p.rest() }
	for _, c := range []struct {
		name      string
		address   func(*testing.T) string
		transport *config.Transport
		status    int
	}{
		{"refused", refused, nil, 502},
		{"closes at once", func(t *testing.T) string { return rawBackend(t, func(*peer) {}) }, nil, 502},
		{"closes after the request", func(t *testing.T) string { return rawBackend(t, func(p *peer) { p.head() }) }, nil, 502},
		{"closes in the head", func(t *testing.T) string {
			return rawBackend(t, func(p *peer) { p.head(); p.send("HTTP/1.1 200 OK\r\nX: ") })
		}, nil, 502},
		{"resets", func(t *testing.T) string {
			return rawBackend(t, func(p *peer) { p.head(); _ = p.Conn.(*net.TCPConn).SetLinger(0) })
		}, nil, 502},
		{"no such host", func(*testing.T) string { return "nowhere.invalid:80" }, nil, 502},
		{"no such socket", func(t *testing.T) string { return "unix/" + filepath.Join(t.TempDir(), "no.sock") }, nil, 502},
		{"not TLS", func(t *testing.T) string {
			return "https://" + rawBackend(t, func(p *peer) { p.send("HTTP/1.1 400 Bad\r\n\r\n"); p.rest() })
		}, nil, 502},
		{"unknown authority", func(t *testing.T) string { return "https://" + tlsBackend(t, serverTLS(t), nil) }, nil, 502},
		{
			"response header timeout", func(t *testing.T) string { return rawBackend(t, silent) },
			&config.Transport{ResponseHeaderTimeout: &short}, 504,
		},
		{
			"TLS handshake timeout", func(t *testing.T) string { return "https://" + rawBackend(t, silent) },
			&config.Transport{TLS: &config.TLS{HandshakeTimeout: short}}, 504,
		},
		{"read timeout", func(t *testing.T) string { return rawBackend(t, silent) }, &config.Transport{ReadTimeout: short}, 504},
		{
			"read timeout in the head", func(t *testing.T) string {
				return rawBackend(t, func(p *peer) { p.head(); p.send("HTTP/1.1 200"); p.rest() })
			},
			&config.Transport{ReadTimeout: short}, 504,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := to(c.address(t))
			cfg.Transport = c.transport
			h := start(t, cfg)
			res, _ := h.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			wantEqual(t, "status", res.StatusCode, c.status)
			if res := h.result(0); res.status != c.status {
				t.Errorf("error with status %d: %v", res.status, res.err)
			}
			if got := h.verdicts(); !slices.Equal(got, []pool.Verdict{pool.Failed}) {
				t.Errorf("verdicts %v", got)
			}
		})
	}
}

// failing is a Transport that always fails in the same way.
type failing struct{ err error }

func (f failing) send(*attempt) (*http.Response, error) { return nil, f.err }
func (failing) target() (network, address string)       { return "tcp", "127.0.0.1:1" }
func (failing) CloseIdle()                              {}

type failingMaker struct{ failing }

func (f failingMaker) New(config.Address) pool.Transport           { return f.failing }
func (f failingMaker) Restricted() pool.Transports                 { return f }
func (f failingMaker) Equal(pool.Transports) bool                  { return false }
func (f failingMaker) Connector(config.Address) (c pool.Connector) { return c }

func TestClassification(t *testing.T) {
	dial := func(err error) error {
		return fmt.Errorf("wrapped: %w", &connectError{&net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}, Err: err}})
	}
	for _, c := range []struct {
		err     error
		status  int
		verdict pool.Verdict
	}{
		{dial(os.NewSyscallError("socket", syscall.EMFILE)), 503, pool.LocalFault},
		{dial(os.NewSyscallError("socket", syscall.ENFILE)), 503, pool.LocalFault},
		{dial(os.NewSyscallError("connect", syscall.EADDRNOTAVAIL)), 503, pool.LocalFault},
		{dial(os.NewSyscallError("connect", syscall.ECONNREFUSED)), 502, pool.Failed},
		{dial(os.NewSyscallError("connect", syscall.ETIMEDOUT)), 504, pool.Failed},
		{dial(context.DeadlineExceeded), 504, pool.Failed},
		{&net.OpError{Op: "proxyconnect", Err: dial(&net.DNSError{IsTimeout: true})}, 504, pool.Failed},
		{fmt.Errorf("x: %w", os.ErrDeadlineExceeded), 504, pool.Failed},
		{errors.New("anything"), 502, pool.Failed},
		{context.Canceled, 502, pool.Failed}, // but not by the client
	} {
		h := provision(t, to("127.0.0.1:1"))
		def := *h.def
		def.Transports = failingMaker{failing{c.err}}
		h.pool.Seed(&def)
		h.serve(nil)
		res, _ := h.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		if got := h.verdicts(); res.StatusCode != c.status || !slices.Equal(got, []pool.Verdict{c.verdict}) {
			t.Errorf("%v: status %d, verdicts %v", c.err, res.StatusCode, got)
		}
		if retry := res.Header.Get("Retry-After"); (retry == "1") != (c.status == 503) {
			t.Errorf("%v: Retry-After %q", c.err, retry)
		}
	}
}

func TestDialTimeout(t *testing.T) {
	cfg := to(unreachable(t))
	cfg.Transport = &config.Transport{DialTimeout: caddy.Duration(100 * time.Millisecond)}
	h := start(t, cfg)
	res, _ := h.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	wantStatus(t, res, 504)
}

func TestPlaceholders(t *testing.T) {
	cfg := to(refused(t), rawBackend(t, answering("HTTP/1.1 201 Made\r\nX-B: 1\r\nX-B: 2\r\nContent-Length: 0\r\n\r\n")))
	cfg.Backends[1].ID = "good"
	cfg.Backends[1].MaxRequests = 7
	cfg.LoadBalancing = retries(1)
	h := start(t, cfg)
	h.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	repl := h.result(0).repl
	host, port, _ := strings.Cut(cfg.Backends[1].Address, ":")
	for text, want := range map[string]string{
		"{http.load_balance.pool}": "test", "{http.load_balance.backend.id}": "good",
		"{http.load_balance.backend.address}": cfg.Backends[1].Address, "{http.load_balance.backend.hostport}": cfg.Backends[1].Address,
		"{http.load_balance.backend.host}": host, "{http.load_balance.backend.port}": port,
		"{http.load_balance.attempts}": "2", "{http.load_balance.queue_ms}": "0", "{http.load_balance.error}": "",
		"{http.reverse_proxy.upstream.address}": "tcp/" + cfg.Backends[1].Address, "{http.reverse_proxy.upstream.hostport}": cfg.Backends[1].Address,
		"{http.reverse_proxy.upstream.host}": host, "{http.reverse_proxy.upstream.port}": port,
		"{http.reverse_proxy.upstream.max_requests}": "7", "{http.reverse_proxy.upstream.fails}": "0",
		"{http.reverse_proxy.upstream.requests}": "0",
		"{http.reverse_proxy.retries}":           "1", "{http.reverse_proxy.status_code}": "201", "{http.reverse_proxy.status_text}": "201 Made",
		"{http.reverse_proxy.header.x-b}": "1,2", "{http.reverse_proxy.header.X-None}": "", "{http.reverse_proxy.nothing}": "",
		"{http.load_balance.nothing}": "", "{http.reverse_proxy.upstream.nothing}": "",
	} {
		wantEqual(t, text, repl.ReplaceAll(text, ""), want)
	}
	for _, name := range []string{
		"http.load_balance.latency_ms", "http.load_balance.upstream_ms", "http.reverse_proxy.upstream.latency_ms", "http.reverse_proxy.upstream.duration_ms", "http.reverse_proxy.duration_ms",
	} {
		if ms, ok := repl.Get(name); !ok || ms.(float64) <= 0 || ms.(float64) > 1e4 {
			t.Errorf("%s is %v", name, ms)
		}
	}
	for _, name := range []string{"latency", "duration"} {
		if d, ok := repl.Get("http.reverse_proxy.upstream." + name); !ok || d.(time.Duration) <= 0 {
			t.Errorf("%s is %v", name, d)
		}
	}
	t.Run("error", func(t *testing.T) {
		h := start(t, to(refused(t)))
		h.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		if text := h.result(0).repl.ReplaceAll("{http.load_balance.error}", ""); !strings.Contains(text, "refused") {
			t.Errorf("error %q", text)
		}
	})
}

// tlsBackend runs a backend with TLS. Without a handler it answers 200.
func tlsBackend(t *testing.T, cfg *tls.Config, handler http.Handler) string {
	t.Helper()
	if handler == nil {
		handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	}
	h := &harness{t: t, release: func() {}}
	return h.serveHandler(cfg, handler, nil)
}
