package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/net/http/httpguts"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// attempt is one try of an exchange on one backend.
type attempt struct {
	*exchange
	m       *pool.Member
	guard   atomic.Pointer[guardConn] // of the connection in use, if guarded
	interim interimWriter
	out     *http.Request
	cancel  context.CancelFunc
}

// attempt sends the request to a backend, whose slot it gives back, and the
// response to the client. It returns nil if there is nothing left to do.
func (x *exchange) attempt(m *pool.Member) *failure {
	defer m.Release()
	a := &attempt{exchange: x, m: m}
	a.interim.a = a
	x.attempts++
	x.backend, x.response, x.latency = m, nil, 0
	x.began, x.ended = time.Now(), time.Time{}
	defer func() { x.ended = time.Now() }()

	transport, addr, err := x.transportTo(m)
	if err != nil {
		m.Observe(pool.Outcome{Verdict: pool.ClientFault, Err: err})
		return &failure{err: err, status: http.StatusBadGateway, verdict: pool.ClientFault}
	}
	ctx, cancel := x.attemptContext()
	defer cancel()
	a.cancel = cancel
	if err := a.prepare(ctx, transport, addr); err != nil {
		m.Observe(pool.Outcome{Verdict: pool.ClientFault, Err: err})
		return &failure{err: err, status: statusOf(err, http.StatusBadRequest), verdict: pool.ClientFault}
	}
	res, err := a.roundTrip(ctx, transport, addr)
	x.latency = time.Since(x.began)
	a.interim.stop()
	a.log(res, err)
	if err != nil {
		x.afterCut()
		err = a.cause(err)
		f := x.classify(err, a.sent(err))
		m.Observe(pool.Outcome{Verdict: f.verdict, Latency: x.latency, Err: err})
		return f
	}
	x.response = res
	return a.answer(res)
}

// maxStale is how many dead idle connections an attempt puts up with. After the
// restart of a backend all of them are.
const maxStale = 256

// roundTrip sends the request, on another connection if the one it was given
// turns out to be dead.
func (a *attempt) roundTrip(ctx context.Context, transport Transport, addr config.Address) (*http.Response, error) {
	for tries := 0; ; tries++ {
		res, err := transport.RoundTrip(a.out)
		if err == nil || tries == maxStale || !a.stale() {
			return res, err
		}
		if err := a.prepare(ctx, transport, addr); err != nil {
			return nil, err
		}
	}
}

// stale reports whether the round trip failed on a connection that had died
// while idle, with nothing sent: the backend knows nothing of the request.
// net/http repeats such requests as well, but not all of those with a body.
func (a *attempt) stale() bool {
	g := a.guard.Swap(nil)
	if g.stale() && a.body.repeatable() && a.r.Context().Err() == nil {
		return true
	}
	a.guard.Store(g)
	return false
}

// answer deals with the response.
func (a *attempt) answer(res *http.Response) *failure {
	err := checkResponse(res)
	if err == nil {
		err = a.checkSwitch(res)
	}
	if err != nil {
		_ = res.Body.Close()
		a.m.Observe(pool.Outcome{Verdict: pool.Failed, Status: res.StatusCode, Latency: a.latency, Err: err})
		return &failure{err: err, status: http.StatusBadGateway, verdict: pool.Failed, sent: true}
	}
	a.m.Observe(pool.Outcome{Verdict: pool.Answered, Status: res.StatusCode, Latency: a.latency})
	if res.StatusCode == http.StatusSwitchingProtocols {
		return a.tunnel(res)
	}
	if a.retriesResponse() {
		_ = res.Body.Close()
		err = fmt.Errorf("response with status %d is to be retried", res.StatusCode)
		return &failure{err: err, status: res.StatusCode, verdict: pool.Answered, sent: true, match: true}
	}
	return a.respond(res)
}

// transportTo returns the transport to m and the address that it leads to.
func (x *exchange) transportTo(m *pool.Member) (Transport, config.Address, error) {
	switch t := m.Transport.(type) {
	case *templateTransport:
		r, err := t.resolve(x.repl)
		if err != nil {
			return nil, config.Address{}, err
		}
		x.network, x.target = r.addr.Dial()
		return r.Transport, r.addr, nil
	case Transport:
		addr := m.Address()
		x.network, x.target = addr.Dial()
		return t, addr, nil
	}
	return nil, config.Address{}, fmt.Errorf("backend %q has no transport", m.ID())
}

// prepare makes the request of this attempt.
func (a *attempt) prepare(ctx context.Context, transport Transport, addr config.Address) error {
	ctx = httptrace.WithClientTrace(ctx, a.trace())
	if a.proxy.usesClientAddr(transport) {
		ctx = context.WithValue(ctx, clientKey{}, clientAddr(a.r))
	}
	target := *a.url
	out := (&http.Request{
		Method: a.method, URL: &target, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header, Host: a.r.Host,
	}).WithContext(ctx)
	if t, ok := transport.(tlsTransport); ok && t.secure() && !addr.IsUnix() {
		out.Host = addr.HostPort()
	}
	if err := a.applyOps(out); err != nil {
		return err
	}
	if a.body != nil {
		if len(a.trailer) > 0 || a.length < 0 {
			out.Trailer = a.trailer.Clone()
		}
		body := newAttemptBody(a.body, &a.guard, out.Trailer)
		body.interim = &a.interim
		out.Body, out.GetBody, out.ContentLength = body, body.again, a.length
		// net/http sends the body of a refused request in order to keep the
		// connection, which makes the server ask the client for it
		out.Close = len(out.Header["Expect"]) > 0
	}
	a.out = out
	return nil
}

// applyOps applies the configured changes to the request's header.
func (a *attempt) applyOps(out *http.Request) error {
	if a.proxy.cfg.Headers == nil || a.proxy.cfg.Headers.Request == nil {
		return nil
	}
	out.Header = a.header.Clone()
	a.proxy.cfg.Headers.Request.ApplyToRequest(out)
	for name, values := range out.Header {
		if !httpguts.ValidHeaderFieldName(name) {
			return badRequest("header name %.64q, as changed, is not valid", name)
		}
		for _, value := range values {
			if !httpguts.ValidHeaderFieldValue(value) {
				return badRequest("value of header %q, as changed, is not valid", name)
			}
		}
	}
	if !httpguts.ValidHostHeader(out.Host) {
		return badRequest("host %.200q, as changed, is not valid", out.Host)
	}
	if !a.incremental && a.body != nil && a.hasContent() && a.proxy.cfg.RequestBuffers != 0 && caddyhttp.IsIncremental(out.Header) {
		return a.refuseIncremental(nil)
	}
	if a.upgrade != "" {
		spellWebSocket(out.Header)
	}
	return nil
}

// trace follows the round trip.
func (a *attempt) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			g := guardOf(info.Conn)
			a.guard.Store(g)
			if g != nil {
				g.begin(a.method == http.MethodHead, a.upgrade != "")
				if a.body != nil {
					g.tap.follow(a.body.interrupt)
				}
			}
		},
		Got1xxResponse: a.interim.write,
	}
}

func guardOf(conn net.Conn) *guardConn {
	g, _ := conn.(*guardConn)
	return g
}

// attemptContext returns the context of an attempt. It ends with the client's,
// unless that was canceled only because a read of the request's body was ended
// from here: what has come of the response is still to be had.
func (x *exchange) attemptContext() (context.Context, context.CancelFunc) {
	parent := x.r.Context()
	if x.body == nil || x.r.ProtoMajor != 1 {
		return context.WithCancel(parent)
	}
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(parent))
	stop := context.AfterFunc(parent, func() {
		if _, canceled := x.body.wasCut(); !canceled {
			cancel(context.Cause(parent))
		}
	})
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// afterCut lets the client's context go on if it was canceled only because
// reading the request's body was ended from here.
func (x *exchange) afterCut() {
	if _, canceled := x.body.wasCut(); canceled {
		x.r = x.r.WithContext(context.WithoutCancel(x.r.Context()))
	}
}

// cause returns what is behind the error of a round trip, where the guard or
// the connection knows more than net/http says.
func (a *attempt) cause(err error) error {
	g := a.guard.Load()
	if cut, _ := a.body.wasCut(); g != nil && (cut || errors.Is(err, errBodyClosed)) {
		if lost := g.tap.lost(); lost != nil {
			err = fmt.Errorf("connection to the backend was lost: %w", lost)
		}
	}
	if cause := g.cause(); cause != nil && !isTimeout(err) {
		return cause
	}
	return err
}

// sent reports whether something of the request may have reached the backend.
func (a *attempt) sent(err error) bool {
	if _, ok := errors.AsType[*connectError](err); ok {
		return false
	}
	g := a.guard.Load()
	return g == nil || !g.untouched()
}

// usesClientAddr reports whether connections announce the client's address.
func (p *Proxy) usesClientAddr(transport Transport) bool {
	t, ok := transport.(*netTransport)
	return ok && t.perClient
}

func (a *attempt) log(res *http.Response, err error) {
	c := a.proxy.logger.Check(zapcore.DebugLevel, "upstream roundtrip")
	if c == nil {
		return
	}
	server, _ := a.r.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	credentials := server != nil && server.Logs != nil && server.Logs.ShouldLogCredentials
	fields := []zap.Field{
		zap.String("backend", a.m.ID()),
		zap.String("upstream", a.target),
		zap.Duration("duration", a.latency),
		zap.Object("request", caddyhttp.LoggableHTTPRequest{Request: a.out, ShouldLogCredentials: credentials}),
	}
	if err != nil {
		fields = append(fields, zap.Error(err))
	} else {
		fields = append(fields, zap.Int("status", res.StatusCode),
			zap.Object("headers", caddyhttp.LoggableHTTPHeader{Header: res.Header, ShouldLogCredentials: credentials}))
	}
	c.Write(fields...)
}

// statusOf returns the status that err carries, or another one.
func statusOf(err error, otherwise int) int {
	var handler caddyhttp.HandlerError
	if errors.As(err, &handler) && handler.StatusCode != 0 {
		return handler.StatusCode
	}
	return otherwise
}
