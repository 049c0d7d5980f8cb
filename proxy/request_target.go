package proxy

import (
	"net/http"
	"net/url"
	"strings"
)

// targetURL returns the URL of the outgoing request: path and query alone. As
// long as nothing has rewritten them they go on byte by byte as the client has
// sent them, also where Go's own encoding would be another one.
func targetURL(r *http.Request) *url.URL {
	u := &url.URL{
		Path: r.URL.Path, RawPath: escapeOdd(r.URL.RawPath),
		RawQuery: r.URL.RawQuery, ForceQuery: r.URL.ForceQuery,
	}
	if u.Path != "" && u.Path[0] != '/' && u.Path != "*" { // so rewritten
		u.Path = "/" + u.Path
		if u.RawPath != "" {
			u.RawPath = "/" + u.RawPath
		}
	}
	raw, ok := rawTarget(r)
	if !ok || raw == u.RequestURI() {
		return u
	}
	path, _, _ := strings.Cut(raw, "?")
	if path == "" && r.Method == http.MethodOptions {
		u.Path = "*" // RFC 9112, section 3.2.4
		return u
	}
	if strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "//") { // net/http would put the scheme before
		u.Opaque = path
	}
	return u
}

// isUnchanged reports whether the target that the client has sent is in origin
// form and evidently what the URL says, without any escapes. It is so for most
// requests, and costs nothing to find out.
func isUnchanged(r *http.Request) bool {
	u := r.URL
	if u.Host != "" || u.RawPath != "" || !strings.HasPrefix(r.RequestURI, "/") {
		return false
	}
	path, query, hasQuery := strings.Cut(r.RequestURI, "?")
	return path == u.Path && query == u.RawQuery && hasQuery == (u.ForceQuery || u.RawQuery != "")
}

// escapeOdd escapes the bytes of an escaped path that should be escaped, but
// are not. Of one with such a byte, as of one that is wrong, Go would take the
// unescaped form and escape that, in which %2F has become a slash.
func escapeOdd(path string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(path) {
		if c := path[i]; isAlphanumeric(c) || strings.IndexByte("-_.~/!$&'()*+,;=:@[]%", c) >= 0 {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}

// rawTarget returns path and query as they came, unless they were rewritten
// since.
func rawTarget(r *http.Request) (string, bool) {
	target := r.RequestURI
	if r.URL.Host != "" { // absolute form
		_, rest, ok := strings.Cut(target, "://")
		if !ok {
			return "", false
		}
		target = ""
		if i := strings.IndexAny(rest, "/?"); i >= 0 {
			target = rest[i:]
		}
		if target == "" {
			return "", r.URL.Path == ""
		}
	}
	if target == r.URL.RequestURI() {
		return target, true
	}
	was, err := url.ParseRequestURI(target)
	if err != nil || was.Path != r.URL.Path || was.RawPath != r.URL.RawPath || was.RawQuery != r.URL.RawQuery {
		return "", false
	}
	return target, true
}
