package proxy

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"golang.org/x/net/http/httpguts"
)

// prepare makes of the client's request what all attempts have in common.
func (x *exchange) prepare() error {
	protocol := extendedConnect(x.r)
	if x.r.Method == http.MethodConnect && protocol == "" {
		x.w.Header().Set("Allow", proxyMethods)
		return caddyhttp.Error(http.StatusMethodNotAllowed, errConnect)
	}
	if err := checkRequest(x.r); err != nil {
		return err
	}
	x.takeBody()
	forwards, limited := maxForwards(x.r)
	if limited && forwards == 0 {
		return x.answerHere()
	}
	if protocol != "" {
		x.connect = true
	} else {
		protocol = requestedUpgrade(x.r)
	}
	allowed := x.proxy.allowsUpgrade(protocol)
	switch {
	case x.connect && !allowed:
		return caddyhttp.Error(http.StatusNotImplemented, errProtocol)
	case x.connect:
		x.body = nil // it is the tunnel's
	case allowed && x.body != nil:
		return caddyhttp.Error(http.StatusBadRequest, errUpgradeBody)
	}
	if allowed {
		x.upgrade = protocol
	}
	if err := x.rewrite(); err != nil {
		return err
	}
	if limited {
		x.forwards = []string{strconv.FormatUint(forwards-1, 10)}
	}
	return x.prepareBody()
}

// rewrite determines method and target.
func (x *exchange) rewrite() error {
	if x.proxy.cfg.Rewrite == nil {
		x.method = x.r.Method
		if !isUnchanged(x.r) {
			x.url = targetURL(x.r)
		}
	} else {
		r := new(http.Request)
		*r = *x.r
		r.URL = new(url.URL)
		*r.URL = *x.r.URL
		r.URL.Scheme, r.URL.Host = "", ""
		changed := x.proxy.cfg.Rewrite.Rewrite(r, x.repl)
		if m := x.proxy.cfg.Rewrite.Method; changed && (m == http.MethodGet || m == http.MethodHead) {
			x.body = nil
		}
		x.url = targetURL(r)
		x.method = r.Method
	}
	if x.connect {
		x.method = http.MethodGet
	}
	if !validMethod(x.method) {
		return badRequest("method %.64q is not valid", x.method)
	}
	x.path = x.r.RequestURI
	if x.url != nil {
		x.path = x.url.RequestURI()
	}
	return checkTarget(x.path)
}

// targetURL returns the outgoing request's URL: path and query alone.
func (x *exchange) targetURL() *url.URL {
	if x.url == nil {
		x.url = targetURL(x.r)
	}
	return x.url
}

// preparedHeader returns the header of the outgoing request, for transports
// that cannot make it of the client's themselves. It is the same for all
// attempts.
func (x *exchange) preparedHeader() http.Header {
	if x.header != nil {
		return x.header
	}
	h := x.r.Header.Clone()
	if h == nil {
		h = make(http.Header)
	}
	delete(h, ":protocol")
	stripRequestHop(h)
	if _, ok := h["User-Agent"]; !ok {
		h["User-Agent"] = []string{""} // or net/http makes one up
	}
	if earlyData(x.r) {
		h["Early-Data"] = []string{"1"}
	}
	if x.upgrade != "" {
		h["Connection"] = []string{"Upgrade"}
		h["Upgrade"] = []string{x.upgrade}
		if x.connect && x.upgrade == protocolWebSocket {
			h["Sec-Websocket-Key"] = []string{newWebSocketKey()}
		}
		spellWebSocket(h)
	}
	x.proxy.forwarded(h, x.r).set(h)
	h["Via"] = append(h["Via"], via(x.r.Proto, x.r.ProtoMajor, x.r.ProtoMinor))
	if !x.expect {
		delete(h, "Expect")
	}
	delete(h, "Content-Length")
	if x.body != nil && x.length >= 0 {
		h["Content-Length"] = contentLength(x.length)
	}
	if x.forwards != nil {
		h["Max-Forwards"] = x.forwards
	}
	x.header = h
	return h
}

// earlyData reports whether a request came in TLS early data, which backends
// are told (RFC 8470, section 5.1).
func earlyData(r *http.Request) bool { return r.TLS != nil && !r.TLS.HandshakeComplete }

// takeBody takes note of the client's body, if it may have one.
func (x *exchange) takeBody() {
	x.length = x.r.ContentLength
	if x.r.Body == nil || x.r.Body == http.NoBody || x.length == 0 {
		x.length = 0
		return
	}
	x.body = &clientBody{src: x.r.Body, client: x.r, w: x.w, limit: x.proxy.bodyPace}
}

// prepareBody settles how the body is sent.
func (x *exchange) prepareBody() error {
	if x.body == nil {
		x.length = 0
		return nil
	}
	x.expect = len(x.r.Header["Expect"]) > 0
	x.incremental = caddyhttp.IsIncremental(x.r.Header) && !httpguts.HeaderValuesContainsToken(x.r.Header["Connection"], "incremental")
	if x.r.ProtoMajor == 1 {
		// a backend may answer before it has read the body, and the client is
		// to know; by default the server would wait for all of the body
		_ = http.NewResponseController(x.w).EnableFullDuplex()
	}
	limit := x.proxy.cfg.RequestBuffers
	if x.incremental {
		if !x.hasContent() {
			x.body, x.length = nil, 0 // HTTP/3 does not say that there is none
			return nil
		}
		if limit != 0 {
			return x.refuseIncremental(nil)
		}
	}
	x.trailer = announced(x.r.Trailer, x.r.Header["Connection"])
	if x.trailer == nil {
		x.trailer = make(http.Header)
	}
	if limit != 0 {
		if err := x.bufferBody(limit); err != nil {
			return err
		}
	}
	if len(x.trailer) > 0 && x.length >= 0 {
		x.length = -1 // only chunked coding has trailers in HTTP/1
	}
	return nil
}

// bufferBody reads the body ahead.
func (x *exchange) bufferBody(limit int64) error {
	fits, err := x.body.buffer(limit)
	if err != nil {
		f := x.clientFailure(err)
		return caddyhttp.Error(f.status, f.err)
	}
	if !fits {
		return nil
	}
	x.expect = false
	x.length = int64(len(x.body.prefix))
	for name := range x.body.trailer {
		x.trailer[name] = nil
	}
	if x.length == 0 && len(x.trailer) == 0 {
		x.body = nil
	}
	return nil
}

// hasContent reports whether the request has a body that matters. One of
// unknown length counts unless its method usually has none.
func (x *exchange) hasContent() bool {
	if x.length >= 0 {
		return x.length > 0
	}
	switch x.method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodDelete, http.MethodTrace, http.MethodConnect:
		return false
	}
	return true
}
