package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// patience bounds every wait of the tests.
const patience = 10 * time.Second

// TestMain makes net/http's HTTP/2 server offer extended CONNECT, which it
// decides on before any code of a test runs.
func TestMain(m *testing.M) {
	const setting = "http2xconnect=1"
	if env := os.Getenv("GODEBUG"); !strings.Contains(env, setting) {
		if env != "" {
			env += ","
		}
		if err := os.Setenv("GODEBUG", env+setting); err != nil {
			panic(err)
		}
		panic(syscall.Exec(os.Args[0], os.Args, os.Environ()))
	}
	goleak.VerifyTestMain(bothTransports{m},
		goleak.IgnoreTopFunction("github.com/caddyserver/certmagic.(*Cache).maintainAssets"),
		goleak.IgnoreAnyFunction("github.com/golang/glog.(*fileSink).flushDaemon"),
	)
}

// overNet says that backends which the HTTP/1.1 transport covers are to be
// spoken to over net/http's all the same.
var overNet bool

// bothTransports runs all tests over either transport.
type bothTransports struct{ *testing.M }

// Run implements goleak.TestingM.
func (m bothTransports) Run() int {
	flag.Parse()
	if f := flag.Lookup("test.fuzz"); f != nil && f.Value.String() != "" {
		return m.M.Run()
	}
	if code := m.M.Run(); code != 0 {
		return code
	}
	overNet = true
	return m.M.Run()
}

// transportConfig returns the configuration for the transport that is tested.
func transportConfig(cfg *config.Transport) *config.Transport {
	if !overNet {
		return cfg
	}
	var out config.Transport
	if cfg != nil {
		out = *cfg
	}
	if out.MaxConnsPerHost == 0 {
		out.MaxConnsPerHost = 1 << 20 // which the HTTP/1.1 transport does not count
	}
	return &out
}

// harness is a proxy behind a real HTTP server.
type harness struct {
	t        testing.TB
	addr     string
	proxy    *Proxy
	pool     *pool.Pool
	registry *pool.Registry
	ctx      caddy.Context
	def      *pool.Definition
	logs     *observer.ObservedLogs

	mu       sync.Mutex
	outcomes []pool.Outcome
	results  []result
	srv      *caddyhttp.Server
	before   func(http.ResponseWriter, *http.Request)
	release  func()
	unload   func() // the config
}

// result is how one call of the proxy ended.
type result struct {
	status   int // of the returned error; 0 if none
	err      error
	panicked bool
	written  int // the status given to the response writer
	repl     *caddy.Replacer
}

// start runs a proxy over HTTP/1 on a port of its own.
func start(t *testing.T, cfg *config.Handler) *harness {
	t.Helper()
	h := provision(t, cfg)
	h.serve(nil)
	return h
}

func provision(t testing.TB, cfg *config.Handler) *harness {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	h := &harness{t: t, ctx: ctx, unload: cancel, srv: new(caddyhttp.Server)}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	maker, err := NewTransports(ctx, transportConfig(cfg.Transport))
	if err != nil {
		t.Fatal(err)
	}
	h.def = &pool.Definition{Policy: inTurn{}, Transports: maker, Observer: h}
	for _, b := range cfg.Backends {
		spec, err := pool.NewSpec(b, pool.FromConfig)
		if err != nil {
			t.Fatal(err)
		}
		h.def.Backends = append(h.def.Backends, spec)
	}
	registry := pool.NewRegistry(nil)
	h.registry = registry
	if h.pool, err = registry.Acquire("test"); err != nil {
		t.Fatal(err)
	}
	h.release = sync.OnceFunc(func() {
		if err := registry.Release("test"); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(h.release)
	h.pool.Seed(h.def)
	if h.proxy, err = New(ctx, cfg, h.pool); err != nil {
		t.Fatal(err)
	}
	core, logs := observer.New(zapcore.DebugLevel)
	h.proxy.logger, h.logs = zap.New(core), logs
	return h
}

// serve starts the server, with TLS and HTTP/2 if cfg is not nil.
func (h *harness) serve(cfg *tls.Config) {
	h.t.Helper()
	h.addr = h.serveHandler(cfg, h, nil)
}

// serveHandler runs a server until the test ends.
func (h *harness) serveHandler(cfg *tls.Config, handler http.Handler, protocols *http.Protocols) string {
	h.t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		h.t.Fatal(err)
	}
	conns := new(connections)
	server := &http.Server{
		Handler: handler, TLSConfig: cfg, Protocols: protocols, ConnState: conns.track, ConnContext: withClientConn,
		DisableGeneralOptionsHandler: true, ErrorLog: zap.NewStdLog(zap.NewNop()),
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if cfg != nil {
			_ = server.ServeTLS(ln, "", "")
		} else {
			_ = server.Serve(ln)
		}
	}()
	h.t.Cleanup(func() {
		_ = server.Close()
		<-done
		conns.Wait()
		h.release()
	})
	return ln.Addr().String()
}

// ServeHTTP implements http.Handler as Caddy's server would.
func (h *harness) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	repl := caddy.NewReplacer()
	rec := &statusWriter{ResponseWriterWrapper: caddyhttp.ResponseWriterWrapper{ResponseWriter: w}}
	r = caddyhttp.PrepareRequest(r, repl, rec, h.srv)
	if h.before != nil {
		h.before(rec, r)
	}
	res := result{repl: repl, panicked: true}
	defer func() {
		res.written = rec.status
		h.mu.Lock()
		h.results = append(h.results, res)
		h.mu.Unlock()
	}()
	res.err = h.proxy.ServeHTTP(rec, r)
	res.panicked = false
	if res.err == nil {
		return
	}
	res.status = http.StatusInternalServerError
	if he, ok := errors.AsType[caddyhttp.HandlerError](res.err); ok {
		res.status = he.StatusCode
	}
	rec.WriteHeader(res.status)
}

type statusWriter struct {
	caddyhttp.ResponseWriterWrapper
	status int
}

// WriteHeader implements http.ResponseWriter.
func (s *statusWriter) WriteHeader(status int) {
	if status >= 200 || status == 101 {
		s.status = status
	}
	s.ResponseWriterWrapper.WriteHeader(status)
}

// Observe implements pool.Observer.
func (h *harness) Observe(_ *pool.Member, o pool.Outcome) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.outcomes = append(h.outcomes, o)
}

// verdicts returns the verdicts so far.
func (h *harness) verdicts() []pool.Verdict {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []pool.Verdict
	for _, o := range h.outcomes {
		out = append(out, o.Verdict)
	}
	return out
}

// result returns the n-th result, and waits for it.
func (h *harness) result(n int) result {
	h.t.Helper()
	var res result
	eventually(h.t, fmt.Sprintf("result %d", n), func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		if len(h.results) <= n {
			return false
		}
		res = h.results[n]
		return true
	})
	return res
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	timeout := time.After(patience)
	for !ok() {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("timed out waiting for %s", what)
		}
	}
}

// inTurn is a policy that picks members one after the other.
type inTurn struct{}

func (inTurn) NewPicker(members []*pool.Member, _ pool.Picker) pool.Picker {
	return &turnPicker{members: members}
}

type turnPicker struct {
	members []*pool.Member
	next    atomic.Uint64
}

func (p *turnPicker) Pick(q *pool.Request) *pool.Member {
	first := p.next.Add(1) - 1
	for i := range p.members {
		if m := p.members[(first+uint64(i))%uint64(len(p.members))]; q.Take(m) {
			return m
		}
	}
	return nil
}
