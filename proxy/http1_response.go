package proxy

import (
	"net/http"
	"net/textproto"
	"strings"
)

// receive reads the response up to the end of its head. Interim responses are
// dealt with on the way.
func (h *http1Exchange) receive() (*http.Response, error) {
	for {
		head, err := h.readHead()
		if err != nil {
			return nil, err
		}
		f, err := parseHead(head)
		if err != nil {
			return nil, err
		}
		h.heads += len(head)
		h.options = append(h.options, f.connection...)
		if f.status < 200 && f.status != http.StatusSwitchingProtocols {
			if err := h.takeInterim(head, f); err != nil {
				return nil, err
			}
			continue
		}
		if f.status == http.StatusSwitchingProtocols && h.a.upgrade == "" {
			return nil, malformed("status 101 that was not asked for")
		}
		h.r += len(head)
		h.frame = f
		h.headReceived()
		return h.response(head), nil
	}
}

// headReceived ends the time limit for the head.
func (h *http1Exchange) headReceived() {
	if h.upload == nil {
		h.headDone = true
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.headDone = true
	h.conn.limitWrite(h.t.dialer.writeTimeout)
}

// takeInterim takes a 1xx response.
func (h *http1Exchange) takeInterim(head []byte, f framing) error {
	if h.interim++; h.interim > maxInterim {
		return malformed("more than %d interim responses", maxInterim)
	}
	header := make(http.Header, f.fields)
	addFields(header, string(head), make([]string, 0, f.fields))
	h.r += len(head)
	if f.status == http.StatusContinue && h.waiting {
		h.beginUpload()
	}
	return h.a.interim.write(f.status, textproto.MIMEHeader(header))
}

// response makes the attempt's response of a head. If nobody has to look at the
// header first, it becomes part of the client's at once.
func (h *http1Exchange) response(head []byte) *http.Response {
	a, f := h.a, &h.frame
	text := string(head)
	res := &a.res
	*res = http.Response{
		Status: text[len("HTTP/1.1 "):strings.IndexByte(text, '\r')], StatusCode: f.status,
		Proto: text[:len("HTTP/1.1")], ProtoMajor: 1, ProtoMinor: int(f.minor - '0'),
		ContentLength: f.length,
	}
	if f.chunked {
		res.ContentLength = -1
	}
	h.enterBody()
	if h.phase == phaseTunnel {
		res.Body = h.switchOver()
	} else {
		res.Body = (*http1Body)(h)
		if h.phase == phaseIdle {
			res.Body = http.NoBody
			h.finish()
		}
	}
	if h.merged = a.mergesHeader(); h.merged {
		a.interim.stop() // it is written to the same header
		res.Header = a.w.Header()
		h.mergeFields(res, text)
	} else {
		res.Header = make(http.Header, f.fields)
		addFields(res.Header, text, make([]string, 0, f.fields))
		for _, list := range res.Header["Trailer"] {
			res.Trailer = addAnnounced(res.Trailer, f.chunked, list)
		}
	}
	return res
}

// mergesHeader reports whether the header of a response goes to the client
// without anybody having to look at it before.
func (a *attempt) mergesHeader() bool {
	ops := a.proxy.cfg.Headers
	return (ops == nil || ops.Response == nil) && a.proxy.cfg.ResponseBuffers == 0 && len(a.proxy.retry.response) == 0 && a.upgrade == ""
}

// enterBody sets the phase that follows a final head: RFC 9112, section 6.3.
func (h *http1Exchange) enterBody() {
	f := &h.frame
	switch {
	case f.status == http.StatusSwitchingProtocols:
		h.phase = phaseTunnel
	case h.a.method == http.MethodHead, f.status == http.StatusNoContent, f.status == http.StatusNotModified, f.length == 0:
		h.phase = phaseIdle
	case f.chunked:
		h.chunks.reset()
		h.chunks.sink = h
		h.phase = phaseChunked
	case f.length > 0:
		h.left = f.length
		h.phase = phaseLength
	default:
		h.phase = phaseToEOF
	}
}

// addFields adds the fields of a head, which was checked, to a header. The
// values are taken from space as long as it lasts.
func addFields(header http.Header, head string, space []string) {
	for name, value := range fieldsOf(head) {
		if values, ok := header[name]; ok {
			header[name] = append(values, value)
			continue
		}
		space = append(space, value)
		header[name] = space[len(space)-1 : len(space) : len(space)]
	}
}

// fieldsOf returns the fields of a head that was checked, with their names in
// canonical form.
func fieldsOf(head string) func(yield func(name, value string) bool) {
	return func(yield func(name, value string) bool) {
		_, head, _ = strings.Cut(head, "\r\n")
		for {
			line, rest, _ := strings.Cut(head, "\r\n")
			if line == "" {
				return
			}
			head = rest
			name, value, _ := strings.Cut(line, ":")
			if !yield(textproto.CanonicalMIMEHeaderKey(name), textproto.TrimString(value)) {
				return
			}
		}
	}
}

// addAnnounced adds the fields that a value of Trailer announces, without their
// values. Only chunked coding has trailers.
func addAnnounced(trailer http.Header, chunked bool, list string) http.Header {
	if !chunked {
		return trailer
	}
	if trailer == nil {
		trailer = make(http.Header)
	}
	for name := range strings.SplitSeq(list, ",") {
		if name = textproto.CanonicalMIMEHeaderKey(textproto.TrimString(name)); name != "" {
			trailer[name] = nil
		}
	}
	return trailer
}
