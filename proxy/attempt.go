package proxy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// attempt is one try of an exchange on one backend.
type attempt struct {
	*exchange
	m       *pool.Member
	carrier carrier
	interim interimWriter
	out     *http.Request // nil as long as nobody needs it; see request
	host    string        // in place of the client's; "": that one
	waited  time.Duration // for the client's body, before the attempt
	res     http.Response
	http1   http1Exchange // the carrier, if it is that transport's

	released bool // the slot on the backend
	timed    bool // until the end of the response
	taken    pace // of the client, with the response
}

// newAttempt returns an attempt on m. The first one is part of the exchange:
// most have no other.
func (x *exchange) newAttempt(m *pool.Member) *attempt {
	a := &x.first
	if x.attempts > 0 {
		a = new(attempt)
	}
	x.attempts++
	a.exchange, a.m, a.carrier = x, m, noCarrier{}
	a.interim.a = a
	return a
}

// attempt sends the request to a backend, whose slot it gives back, and the
// response to the client. It returns nil if there is nothing left to do.
func (x *exchange) attempt(m *pool.Member) *failure {
	a := x.newAttempt(m)
	defer a.end()
	x.backend, x.response, x.latency = m, nil, 0
	x.began, x.ended = time.Now(), time.Time{}

	transport, err := x.transportTo(m)
	if err != nil {
		m.Observe(pool.Outcome{Verdict: pool.ClientFault, Err: err})
		return &failure{err: err, status: http.StatusBadGateway, verdict: pool.ClientFault}
	}
	x.network, x.target = transport.target()
	res, err := a.send(transport)
	x.latency = time.Since(x.began)
	a.interim.stop()
	if refused, ok := errors.AsType[*requestError](err); ok {
		m.Observe(pool.Outcome{Verdict: pool.ClientFault, Err: refused.err})
		return &failure{err: refused.err, status: statusOf(refused.err, http.StatusBadRequest), verdict: pool.ClientFault}
	}
	if c := x.proxy.logger.Check(zapcore.DebugLevel, "upstream roundtrip"); c != nil {
		a.log(c, res, err)
	}
	if err != nil {
		err = a.carrier.cause(err)
		a.endCarrier()
		f := x.classify(err, a.sent(err))
		f.shown = a.interim.shown()
		m.Observe(pool.Outcome{Verdict: f.verdict, Latency: x.latency, ClientTime: a.clientTime(), Err: f.err})
		return f
	}
	x.response = res
	return a.answer(res)
}

// end ends the attempt, however it has gone.
func (a *attempt) end() {
	a.endCarrier()
	a.ended = time.Now()
	if a.timed {
		a.m.ObserveDuration(a.ended.Sub(a.began))
	}
	a.release()
}

// endCarrier ends what goes on. Reading the client's body is ended with it, which
// must not look as if the client had left.
func (a *attempt) endCarrier() {
	a.carrier.end()
	a.afterCut()
}

// answer deals with the response.
func (a *attempt) answer(res *http.Response) *failure {
	err := checkResponse(res)
	if err == nil {
		err = a.checkSwitch(res)
	}
	if err != nil {
		_ = res.Body.Close()
		a.m.Observe(pool.Outcome{Verdict: pool.Failed, Status: res.StatusCode, Latency: a.latency, ClientTime: a.clientTime(), Err: err})
		return &failure{err: err, status: http.StatusBadGateway, verdict: pool.Failed, sent: true, shown: a.interim.shown()}
	}
	a.m.Observe(pool.Outcome{Verdict: pool.Answered, Status: res.StatusCode, Latency: a.latency, ClientTime: a.clientTime()})
	if res.StatusCode == http.StatusSwitchingProtocols {
		a.proxy.pool.RetrySucceeded(&a.query)
		a.proxy.pool.Leave(&a.query)
		return a.tunnel(res)
	}
	a.timed = true
	if a.retriesResponse() {
		_ = res.Body.Close()
		err = fmt.Errorf("response with status %d is to be retried", res.StatusCode)
		return &failure{err: err, status: res.StatusCode, verdict: pool.Answered, sent: true, match: true}
	}
	if res.StatusCode < http.StatusInternalServerError {
		a.proxy.pool.RetrySucceeded(&a.query)
	}
	a.proxy.pool.Leave(&a.query)
	return a.respond(res)
}

// transportTo returns the transport to m.
func (x *exchange) transportTo(m *pool.Member) (Transport, error) {
	switch t := m.Transport.(type) {
	case *templateTransport:
		return t.resolve(x.repl)
	case Transport:
		return t, nil
	}
	return nil, fmt.Errorf("backend %q has no transport", m.ID())
}

// afterCut lets the client's context go on if it was canceled only because
// reading the request's body was ended from here.
func (x *exchange) afterCut() {
	if _, canceled := x.body.wasCut(); canceled {
		x.r = x.r.WithContext(context.WithoutCancel(x.r.Context()))
	}
}

// sent reports whether something of the request may have reached the backend.
func (a *attempt) sent(err error) bool {
	if _, ok := errors.AsType[*connectError](err); ok {
		return false
	}
	return a.carrier.sent()
}

func (a *attempt) log(c *zapcore.CheckedEntry, res *http.Response, err error) {
	server, _ := a.r.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	credentials := server != nil && server.Logs != nil && server.Logs.ShouldLogCredentials
	fields := []zap.Field{
		zap.String("backend", a.m.ID()),
		zap.String("upstream", a.target),
		zap.Duration("duration", a.latency),
	}
	if out, outErr := a.request(); outErr == nil {
		fields = append(fields, zap.Object("request", caddyhttp.LoggableHTTPRequest{Request: out, ShouldLogCredentials: credentials}))
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
