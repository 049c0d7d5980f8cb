package admin

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
)

const (
	// maxBody is the largest body that is taken, in bytes.
	maxBody = 1 << 20

	// maxDrain is how much more is read, and thrown away, of a body that is
	// too large. A client that is still sending when the connection is closed
	// may never see the answer that says why.
	maxDrain = 4 << 20
)

// readJSON reads the request's body, which must be JSON and say so: browsers
// send other types across sites without asking first.
func (c *call) readJSON() (any, error) {
	if f := checkContentType(c.r.Header); f != nil {
		return nil, f
	}
	tooLarge := refuse(http.StatusRequestEntityTooLarge, codeTooLarge, "the body is larger than %d bytes", maxBody)
	if c.r.ContentLength > maxBody {
		c.drain()
		return nil, tooLarge
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, maxBody))
	if err != nil {
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			c.drain()
			return nil, tooLarge
		}
		return nil, refuse(http.StatusBadRequest, codeBadBody, "reading the body: %v", err)
	}
	v, f := parseJSON(body)
	if f != nil {
		return nil, f
	}
	return v, nil
}

// drain reads the rest of a body that is not wanted, if it is not too long. A
// client that waits to be told to go on (Expect: 100-continue) is not told.
func (c *call) drain() {
	if c.r.Header.Get("Expect") == "" {
		// what matters is the answer, which is known by now
		_, _ = io.CopyN(io.Discard, c.r.Body, maxDrain)
	}
}

func checkContentType(h http.Header) *failure {
	values := h.Values("Content-Type")
	not := refuse(http.StatusUnsupportedMediaType, codeNotJSON, "content type %.80q is not application/json", strings.Join(values, ", "))
	if len(values) != 1 {
		return not
	}
	typ, params, err := mime.ParseMediaType(values[0])
	if err != nil || typ != "application/json" {
		return not
	}
	for name, value := range params {
		if name != "charset" || !strings.EqualFold(value, "utf-8") {
			return not
		}
	}
	if enc := h.Values("Content-Encoding"); len(enc) > 0 {
		return refuse(http.StatusUnsupportedMediaType, codeNotJSON, "content encoding %.80q is not supported", strings.Join(enc, ", "))
	}
	return nil
}

// hasBody reports whether the request has a body that is not empty.
func (c *call) hasBody() bool {
	if c.r.ContentLength >= 0 {
		return c.r.ContentLength > 0
	}
	// chunked: there is a body if there is one byte of it
	var first [1]byte
	n, _ := io.ReadFull(c.r.Body, first[:])
	if n == 0 {
		return false
	}
	c.r.Body = io.NopCloser(io.MultiReader(strings.NewReader(string(first[:])), c.r.Body))
	return true
}

// expectNoBody refuses a request that has a body which means nothing.
func (c *call) expectNoBody() error {
	if c.hasBody() {
		return refuse(http.StatusBadRequest, codeUnexpectedBody, "%s takes no body here", c.r.Method)
	}
	return nil
}
