package proxy

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

// sendRequest sends the request, or begins to.
func (h *http1Exchange) sendRequest() error {
	mem := http1Heads.Get().(*[]byte)
	head, err := h.appendHead((*mem)[:0])
	*mem = head
	if err != nil {
		releaseHead(mem)
		return err
	}
	if h.a.body != nil {
		h.watchClient() // writing may take long
		return h.sendBody(mem)
	}
	now := time.Now()
	if limit := h.t.headerTimeout; limit > 0 {
		h.headBy = now.Add(limit)
	}
	*mem = h.appendFraming(head, false)
	return h.ask(mem, now)
}

// asks reports whether the connection is looked at when the request is sent.
func (h *http1Exchange) asks() bool { return h.a.body == nil }

// ask sends a request without a body, and may receive the first bytes of the
// response.
func (h *http1Exchange) ask(mem *[]byte, now time.Time) error {
	limit := h.limitRead(0, now)
	request := *mem
	seen, sent, err := h.conn.ask(mem, &h.http1Buffer)
	if limit == limitWatch && sent == 0 && errors.Is(err, os.ErrDeadlineExceeded) {
		// this process did not get to run before it was time
		h.watchClient()
		limit = h.limitRead(0, time.Now())
		seen, sent, err = h.conn.ask(mem, &h.http1Buffer)
	}
	if spoilt := h.conn.greeting(seen); spoilt != nil {
		return spoilt
	}
	h.wrote = sent > 0
	h.got = h.w > 0
	if sent < len(request) && err == nil {
		h.wrote = true
		h.watchClient() // writing may take long
		err = h.write(h.conn, request[sent:])
		releaseHead(mem)
		return err
	}
	switch {
	case err == nil:
		return nil
	case limit == limitWatch && errors.Is(err, os.ErrDeadlineExceeded):
		h.watchClient()
		return nil
	case errors.Is(err, io.EOF):
		return &exchangeError{"reading response", errNoResponse}
	}
	return &exchangeError{"exchange with the backend", err}
}

// appendHead appends the head of the request, up to its framing. Where nothing special is to be
// done it is made of the client's header as it is, in one pass.
func (h *http1Exchange) appendHead(b []byte) ([]byte, error) {
	a := h.a
	b = append(b, a.method...)
	b = append(b, ' ')
	b = append(b, a.path...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	host := a.r.Host
	if a.out != nil {
		host = a.out.Host
	}
	if host == "" {
		host = h.t.host
	}
	b = append(b, host...)
	b = append(b, "\r\n"...)
	var err error
	if a.out != nil {
		b, err = appendPrepared(b, a.out.Header)
	} else {
		b, err = h.appendPlain(b)
	}
	if !h.t.keepAlive && a.upgrade == "" {
		b = append(b, "Connection: close\r\n"...)
	}
	return b, err
}

// appendPrepared appends a header that was made for the backend.
func appendPrepared(b []byte, header http.Header) ([]byte, error) {
	for name, values := range header {
		switch name {
		case "Host", "Content-Length", "Transfer-Encoding", "Trailer":
			continue
		case "User-Agent":
			if len(values) == 1 && values[0] == "" {
				continue
			}
		}
		var err error
		if b, err = appendChecked(b, name, values); err != nil {
			return b, err
		}
	}
	return b, nil
}

// appendChecked appends a field that other handlers may have set, to anything.
func appendChecked(b []byte, name string, values []string) ([]byte, error) {
	if !httpguts.ValidHeaderFieldName(name) {
		return b, &requestError{badRequest("header name %.64q is not valid", name)}
	}
	for _, value := range values {
		if !httpguts.ValidHeaderFieldValue(value) {
			return b, &requestError{badRequest("value of header %q is not valid", name)}
		}
		b = appendField(b, name, value)
	}
	return b, nil
}

// appendPlain appends the client's header with what every request needs: less
// what concerns the client's connection alone, and with what the backend is
// told of the client.
func (h *http1Exchange) appendPlain(b []byte) ([]byte, error) {
	a := h.a
	connection := a.r.Header["Connection"]
	named := len(connection) > 0 && !onlyKeepAlive(connection)
	fields := 0
	for name, values := range a.r.Header {
		if fields += len(values); fields > maxHeadFields {
			return b, errRequestFields
		}
		switch name {
		case "Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "Upgrade", "Trailer", "Te",
			"Http2-Settings", "Proxy-Authenticate", "Proxy-Authorization", "Alt-Svc",
			"Host", "Content-Length", "Expect", forwardedFor, forwardedProto, forwardedHost, ":protocol":
			continue
		}
		if named && !unstrippable(name) && httpguts.HeaderValuesContainsToken(connection, name) {
			continue
		}
		var err error
		if b, err = appendChecked(b, name, values); err != nil {
			return b, err
		}
	}
	if te := a.r.Header["Te"]; len(te) > 0 && httpguts.HeaderValuesContainsToken(te, "trailers") {
		b = append(b, "Te: trailers\r\n"...)
	}
	if a.expect {
		var err error
		if b, err = appendChecked(b, "Expect", a.r.Header["Expect"]); err != nil {
			return b, err
		}
	}
	f := a.proxy.forwarded(a.r.Header, a.r)
	for _, field := range [...]struct{ name, value string }{{forwardedFor, f.from}, {forwardedProto, f.proto}, {forwardedHost, f.host}} {
		if field.value != "" {
			if !httpguts.ValidHeaderFieldValue(field.value) {
				return nil, &requestError{badRequest("value of header %q is not valid", field.name)}
			}
			b = appendField(b, field.name, field.value)
		}
	}
	return appendField(b, "Via", via(a.r.Proto, a.r.ProtoMajor, a.r.ProtoMinor)), nil
}

// onlyKeepAlive reports whether Connection says nothing else, as it usually
// does where it is there at all.
func onlyKeepAlive(values []string) bool {
	return len(values) == 1 && (strings.EqualFold(values[0], "keep-alive") || strings.EqualFold(values[0], "close"))
}

// appendFraming appends the fields that say where the request's body ends, and
// the end of the head.
func (h *http1Exchange) appendFraming(b []byte, body bool) []byte {
	a := h.a
	switch {
	case !body:
		if a.method == http.MethodPost || a.method == http.MethodPut || a.method == http.MethodPatch {
			b = append(b, "Content-Length: 0\r\n"...)
		}
	case a.length >= 0:
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, a.length, 10)
		b = append(b, "\r\n"...)
	default:
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
		if len(a.trailer) > 0 {
			names := make([]string, 0, len(a.trailer))
			for name := range a.trailer {
				names = append(names, name)
			}
			b = appendField(b, "Trailer", strings.Join(names, ", "))
		}
	}
	return append(b, "\r\n"...)
}

func appendField(b []byte, name, value string) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	b = append(b, value...)
	return append(b, "\r\n"...)
}
