package sticky

import (
	"iter"
	"net/http"
	"net/textproto"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// maxNamesakes is how many cookies of one name in a request are looked at. A
// browser may have a few of them, of different paths and domains.
const maxNamesakes = 8

const setCookie = "Set-Cookie"

// Values returns the values of a request's cookies with a name, as they are
// sent, up to a few.
func Values(h http.Header, name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		seen := 0
		for _, line := range h["Cookie"] {
			for line != "" && seen < maxNamesakes {
				var part string
				part, line, _ = strings.Cut(line, ";")
				called, value, _ := strings.Cut(textproto.TrimString(part), "=")
				if called != name {
					continue
				}
				seen++
				if !yield(value) {
					return
				}
			}
		}
	}
}

// Add adds a Set-Cookie field to a response.
func Add(h http.Header, line string) { h[setCookie] = append(h[setCookie], line) }

// Drop removes cookies with a name from a response that has not been sent.
func Drop(h http.Header, name string) {
	list := h[setCookie]
	at := 0
	for at < len(list) && nameOf(list[at]) != name {
		at++
	}
	if at == len(list) {
		return
	}
	var rest []string // the list may be shared
	if len(list) > 1 {
		rest = append(make([]string, 0, len(list)), list[:at]...)
	}
	for _, line := range list[at+1:] {
		if nameOf(line) != name {
			rest = append(rest, line)
		}
	}
	if len(rest) == 0 {
		delete(h, setCookie)
		return
	}
	h[setCookie] = rest
}

// nameOf returns the name of the cookie that a Set-Cookie field sets.
func nameOf(line string) string {
	pair, _, _ := strings.Cut(line, ";")
	name, _, _ := strings.Cut(pair, "=")
	return textproto.TrimString(name)
}

// ClientUsesTLS reports whether the client's connection is encrypted, as far as
// this server or a proxy in front of it knows that Caddy trusts, or that is
// trusted besides.
func ClientUsesTLS(r *http.Request, trusted bool) bool {
	if r.TLS != nil {
		return true
	}
	if !trusted {
		trusted, _ = caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool)
	}
	protos := r.Header["X-Forwarded-Proto"]
	return trusted && len(protos) > 0 && strings.EqualFold(protos[len(protos)-1], "https")
}
