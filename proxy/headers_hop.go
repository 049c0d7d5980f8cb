package proxy

import (
	"net/http"
	"net/textproto"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// hopHeaders are the fields that concern one connection alone (RFC 9110,
// section 7.6.1, and what is used in practice). Alt-Svc advertises other ways
// to the sender, which the client cannot go through this proxy.
var hopHeaders = [...]string{
	"Alt-Svc", "Connection", "Http2-Settings", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
	"Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// stripHop removes what concerns one connection alone, and the fields that
// Connection names. Those it cannot name are the ones that say where a message
// comes from, is going to, or ends.
func stripHop(h http.Header) {
	for _, list := range h["Connection"] {
		stripNamed(h, list)
	}
	for _, name := range hopHeaders {
		delete(h, name)
	}
}

// stripNamed removes the fields that a value of Connection names.
func stripNamed(h http.Header, connection string) {
	for name := range strings.SplitSeq(connection, ",") {
		name = textproto.CanonicalMIMEHeaderKey(textproto.TrimString(name))
		if name != "" && !unstrippable(name) {
			delete(h, name)
		}
	}
}

// stripResponseHop removes hop-by-hop fields of a response. net/http drops a
// Connection field that says `close`, and with it the names that stand beside
// it; the guard has them.
func (a *attempt) stripResponseHop(h http.Header) {
	for _, list := range a.carrier.connectionOptions() {
		stripNamed(h, list)
	}
	stripHop(h)
}

func unstrippable(name string) bool {
	switch name {
	case "Host", "Via", "Forwarded", "Content-Length", "Early-Data":
		return true
	}
	return strings.HasPrefix(name, "X-Forwarded-") || name[0] == ':'
}

// stripRequestHop removes hop-by-hop fields of a request, but goes on saying
// that the client takes trailers.
func stripRequestHop(h http.Header) {
	te := httpguts.HeaderValuesContainsToken(h["Te"], "trailers")
	stripHop(h)
	if te {
		h["Te"] = []string{"trailers"}
	}
}
