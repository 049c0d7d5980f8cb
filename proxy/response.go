package proxy

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// respond sends the response to the client.
func (a *attempt) respond(res *http.Response) *failure {
	defer func() { _ = res.Body.Close() }()
	a.converse()
	incremental := caddyhttp.IsIncremental(res.Header)
	var body io.Reader = res.Body
	if !a.http1.merged {
		a.responseHeader(res)
		if buffers := a.proxy.cfg.ResponseBuffers; buffers != 0 && a.responseHasContent(res) {
			if incremental || caddyhttp.IsIncremental(res.Header) {
				err := a.refuseIncremental(res.Header)
				return &failure{err: err, status: http.StatusNotImplemented, verdict: pool.ClientFault, sent: true}
			}
			body = bufferedBody(res.Body, buffers)
		}
		a.copyHeader(res)
	}
	a.announceTrailer(res)
	a.settleSession(res.StatusCode)
	a.closeUnlessComplete()
	a.w.WriteHeader(res.StatusCode)
	if a.bodyAllowed(res) {
		if err := a.copyBody(body, a.flushInterval(res, incremental)); err != nil {
			a.abort(err)
		}
	}
	_ = res.Body.Close() // completes the trailer
	a.copyTrailer(res)
	return nil
}

// responseHeader makes the backend's header the one that the client gets.
func (a *attempt) responseHeader(res *http.Response) {
	a.stripResponseHop(res.Header)
	if !lengthPasses(a.r, res) {
		delete(res.Header, "Content-Length")
	}
	if ops := a.proxy.cfg.Headers; ops != nil && ops.Response != nil {
		if ops.Response.Require == nil || ops.Response.Require.Match(res.StatusCode, res.Header) {
			ops.Response.ApplyTo(res.Header, a.repl)
		}
	}
}

// lengthPasses reports whether Content-Length of a response to r is passed on.
// On 304 it is allowed, but there are HTTP/2 clients that wait for as many bytes.
func lengthPasses(r *http.Request, res *http.Response) bool {
	return res.StatusCode != http.StatusNoContent && (res.StatusCode != http.StatusNotModified || r.ProtoMajor == 1)
}

// copyHeader adds the response's header to what other handlers have set.
func (a *attempt) copyHeader(res *http.Response) {
	h := a.w.Header()
	delete(h, "Server") // Via says what is true of a proxy
	for name, values := range res.Header {
		if own, ok := h[name]; ok {
			values = append(slices.Clip(own), values...)
		}
		h[name] = values
	}
	if _, ok := h["Content-Type"]; !ok {
		h["Content-Type"] = nil // or the server guesses one
	}
	h["Via"] = append(h["Via"], via(res.Proto, res.ProtoMajor, res.ProtoMinor))
}

// announceTrailer announces the trailer that the backend has announced.
func (a *attempt) announceTrailer(res *http.Response) {
	if len(res.Trailer) == 0 || !a.r.ProtoAtLeast(1, 1) {
		return
	}
	names := announced(res.Trailer, a.carrier.connectionOptions())
	if len(names) == 0 {
		return
	}
	h := a.w.Header()
	list := make([]string, 0, len(names))
	for name := range names {
		if _, twice := h[name]; !twice { // the server would send the field's value as well
			list = append(list, name)
		}
	}
	if len(list) == 0 {
		return
	}
	if a.r.ProtoMajor == 1 {
		delete(h, "Content-Length") // only chunked coding has trailers in HTTP/1
	}
	h["Trailer"] = append(h["Trailer"], strings.Join(list, ", "))
}

// copyTrailer sends the trailer, announced or not.
func (a *attempt) copyTrailer(res *http.Response) {
	trailer := filterTrailer(res.Trailer, a.carrier.connectionOptions())
	maps.DeleteFunc(trailer, func(_ string, values []string) bool {
		return len(values) == 0 // announced, but did not come; over HTTP/2 the response would not end
	})
	if len(trailer) == 0 || !a.r.ProtoAtLeast(1, 1) {
		return
	}
	// without a flush the server would give a short body a length, and could
	// not send a trailer then
	_ = http.NewResponseController(a.w).Flush()
	h := a.w.Header()
	for name, values := range trailer {
		h[http.TrailerPrefix+name] = values
	}
}

// writeError is a failure to write to the client.
type writeError struct{ err error }

// Error implements error.
func (e *writeError) Error() string { return "writing response: " + e.err.Error() }

// Unwrap returns the cause.
func (e *writeError) Unwrap() error { return e.err }

// abort ends the client's connection, or stream, so that what it has got of
// the response does not look complete.
func (a *attempt) abort(err error) {
	_, clientGone := errors.AsType[*writeError](err)
	a.afterCut()
	clientGone = clientGone || a.r.Context().Err() != nil
	level := zapcore.DebugLevel
	switch {
	case clientGone && isTimeout(err):
		level = zapcore.InfoLevel // it was not the client's wish
	case !clientGone && a.body.failure() == nil:
		level = zapcore.WarnLevel
		a.m.Observe(pool.Outcome{Verdict: pool.Failed, Status: a.response.StatusCode, Latency: a.latency, Err: err, Late: true})
	}
	if c := a.proxy.logger.Check(level, "response was cut short"); c != nil {
		c.Write(zap.String("pool", a.proxy.pool.Name()), zap.String("backend", a.m.ID()), zap.Error(err))
	}
	a.failure = &failure{err: err}
	a.endCarrier()
	a.release() // the client may be slow to hear of it
	_ = http.NewResponseController(a.w).Flush()
	if !a.r.ProtoAtLeast(1, 1) {
		resetClient(a.w)
	}
	panic(http.ErrAbortHandler)
}

// bufferedBody reads up to limit bytes ahead, -1 for all. An error comes once
// what was read before it has been.
func bufferedBody(body io.Reader, limit int64) io.Reader {
	src := body
	if limit > 0 {
		src = io.LimitReader(body, limit)
	}
	data, err := io.ReadAll(src)
	ahead := strings.NewReader(string(data))
	if err != nil {
		return io.MultiReader(ahead, readerFunc(func([]byte) (int, error) { return 0, err }))
	}
	return io.MultiReader(ahead, body)
}
