package proxy

import (
	"net/http"
	"strconv"
	"strings"
)

// connectionFields are those that HTTP/2 and HTTP/3 have no use for: a message
// with one is malformed (RFC 9113, section 8.2.2; RFC 9114, section 4.2).
var connectionFields = [...]string{"Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "Upgrade"}

// checkResponse refuses responses that an HTTP client takes, but that must not
// be passed on. The guard has judged those of HTTP/1.1 already, unless they came
// through a forward proxy.
func checkResponse(res *http.Response) error {
	if res.StatusCode > 599 || res.StatusCode < 200 && res.StatusCode != http.StatusSwitchingProtocols {
		return malformed("status code %d is out of range", res.StatusCode)
	}
	if res.ProtoMajor < 2 {
		return nil
	}
	if code, _, _ := strings.Cut(res.Status, " "); code != strconv.Itoa(res.StatusCode) {
		return malformed("bad status code %.64q", code)
	}
	if countFields(res.Header) > maxHeadFields {
		return malformed("more than %d header fields", maxHeadFields)
	}
	for _, name := range connectionFields {
		if _, ok := res.Header[name]; ok {
			return malformed("field %s in %s", name, res.Proto)
		}
	}
	switch lengths := res.Header["Content-Length"]; len(lengths) {
	case 0:
		return nil
	case 1:
		_, err := parseLength([]byte(lengths[0]))
		return err
	}
	return malformed("several Content-Length fields")
}

// bodyAllowed reports whether the response can have a body. Where there is
// one although it cannot, nothing of it is read.
func (a *attempt) bodyAllowed(res *http.Response) bool {
	switch res.StatusCode {
	case http.StatusNoContent, http.StatusNotModified:
		return false
	}
	return a.method != http.MethodHead && res.Body != http.NoBody
}

// responseHasContent reports whether the response has a body that matters.
func (a *attempt) responseHasContent(res *http.Response) bool {
	return a.bodyAllowed(res) && res.ContentLength != 0 && res.StatusCode != http.StatusResetContent
}
