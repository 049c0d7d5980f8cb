package proxy

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
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
	x.rewrite()
	if err := checkTarget(x.url.RequestURI()); err != nil {
		return err
	}
	x.prepareHeader()
	if limited {
		x.header["Max-Forwards"] = []string{strconv.FormatUint(forwards-1, 10)}
	}
	return x.prepareBody()
}

// rewrite determines method and target.
func (x *exchange) rewrite() {
	if x.proxy.cfg.Rewrite == nil {
		x.method, x.url = x.r.Method, targetURL(x.r)
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
}

// prepareHeader makes the header of the outgoing request.
func (x *exchange) prepareHeader() {
	h := x.r.Header.Clone()
	if h == nil {
		h = make(http.Header)
	}
	delete(h, ":protocol")
	stripRequestHop(h)
	if _, ok := h["User-Agent"]; !ok {
		h["User-Agent"] = []string{""} // or net/http makes one up
	}
	if x.r.TLS != nil && !x.r.TLS.HandshakeComplete {
		h["Early-Data"] = []string{"1"} // RFC 8470, section 5.1
	}
	if x.upgrade != "" {
		h["Connection"] = []string{"Upgrade"}
		h["Upgrade"] = []string{x.upgrade}
		if x.connect && x.upgrade == protocolWebSocket {
			h["Sec-Websocket-Key"] = []string{newWebSocketKey()}
		}
		spellWebSocket(h)
	}
	x.proxy.setForwarded(h, x.r)
	h["Via"] = append(h["Via"], via(x.r.Proto, x.r.ProtoMajor, x.r.ProtoMinor))
	x.header = h
	x.incremental = caddyhttp.IsIncremental(h)
}

// takeBody takes note of the client's body, if it may have one.
func (x *exchange) takeBody() {
	x.length = x.r.ContentLength
	if x.r.Body == nil || x.r.Body == http.NoBody || x.length == 0 {
		x.length = 0
		return
	}
	x.body = &clientBody{src: x.r.Body, client: x.r, w: x.w}
}

// prepareBody settles how the body is sent.
func (x *exchange) prepareBody() error {
	if x.body == nil {
		x.length = 0
		delete(x.header, "Content-Length")
		delete(x.header, "Expect")
		return nil
	}
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
	if x.length < 0 {
		delete(x.header, "Content-Length")
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
	delete(x.header, "Expect")
	x.length = int64(len(x.body.prefix))
	x.header["Content-Length"] = contentLength(x.length)
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
