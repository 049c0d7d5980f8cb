package proxy

import (
	"net/http"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// maxTrailers is how many trailer fields are passed on.
const maxTrailers = 100

// forbiddenTrailer reports whether a field must not be in a trailer section:
// those that frame or route a message, say where it comes from, authenticate,
// or say how to process what was received by then (RFC 9110, section 6.5.1).
func forbiddenTrailer(name string) bool {
	switch name {
	case "Transfer-Encoding", "Content-Length", "Trailer", "Te", "Connection", "Keep-Alive", "Upgrade",
		"Host", "Via", "Forwarded", "Max-Forwards", "Expect", "Early-Data", "X-Real-Ip",
		"Authorization", "Www-Authenticate", "Authentication-Info", "Cookie", "Set-Cookie",
		"Cache-Control", "Pragma", "Range", "Age", "Date", "Expires", "Location", "Retry-After", "Vary", "Warning",
		"Content-Encoding", "Content-Type", "Content-Range", "Http2-Settings", "Alt-Svc":
		return true
	}
	return strings.HasPrefix(name, "Proxy-") || strings.HasPrefix(name, "X-Forwarded-") ||
		strings.HasPrefix(name, "If-") || strings.HasPrefix(name, ":")
}

// filterTrailer returns the trailer fields which may be passed on, with their
// values. Those that the message's Connection fields name may not.
func filterTrailer(t http.Header, connection []string) http.Header {
	if len(t) == 0 {
		return nil
	}
	out := make(http.Header, len(t))
	for name, values := range t {
		if len(out) == maxTrailers {
			break
		}
		if httpguts.ValidHeaderFieldName(name) && !forbiddenTrailer(http.CanonicalHeaderKey(name)) &&
			!httpguts.HeaderValuesContainsToken(connection, name) {
			out[name] = values
		}
	}
	return out
}

// announced returns the names of a trailer that may be passed on, without
// values.
func announced(t http.Header, connection []string) http.Header {
	out := filterTrailer(t, connection)
	for name := range out {
		out[name] = nil
	}
	return out
}
