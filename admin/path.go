package admin

import (
	"net/http"
	"net/url"
	"strings"
)

// parsePath splits the path, as it was sent, into the segments behind the
// root, and decodes them. A resource has one canonical spelling, and those that
// URL libraries make of it; anything else is refused. So what Caddy's remote
// administration decided on, which is the decoded path, is what is served.
func parsePath(escaped string) ([]string, *failure) {
	rest, ok := strings.CutPrefix(escaped, root)
	if !ok || (rest != "" && rest[0] != '/') {
		return nil, refuse(http.StatusBadRequest, codeBadPath, "path %.80q: it must begin with %s, spelled like this", escaped, root)
	}
	if rest == "" || rest == "/" {
		return nil, nil
	}
	segments := strings.Split(rest[1:], "/")
	for i, segment := range segments {
		name, err := url.PathUnescape(segment)
		switch {
		case err != nil:
			return nil, refuse(http.StatusBadRequest, codeBadPath, "path %.80q: %v", escaped, err)
		case name == "":
			return nil, refuse(http.StatusBadRequest, codeBadPath, "path %.80q: empty segment", escaped)
		case name == "." || name == "..":
			return nil, refuse(http.StatusBadRequest, codeBadPath, "path %.80q: segment %q is not allowed", escaped, name)
		case strings.Contains(name, "/"):
			return nil, refuse(http.StatusBadRequest, codeBadPath, "path %.80q: a slash within a segment", escaped)
		case !spelledAsUsual(segment, name):
			return nil, refuse(http.StatusBadRequest, codeNotCanonical, "path %.80q: escape only what needs it, as in %q", escaped, url.PathEscape(name))
		}
		segments[i] = name
	}
	return segments, nil
}

// spelledAsUsual reports whether segment is name as it is, as Go's
// url.PathEscape has it, or as JavaScript's encodeURIComponent does.
func spelledAsUsual(segment, name string) bool {
	return segment == name || segment == url.PathEscape(name) || segment == encodeURIComponent(name)
}

// encodeURIComponent escapes all bytes but those which ECMA-262 (section
// 19.2.6.4) leaves alone: letters, digits and -_.!~*'()
func encodeURIComponent(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-_.!~*'()", c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	return b.String()
}

// backendPath returns the canonical path of a backend.
func backendPath(poolName, id string) string {
	return root + "/pools/" + url.PathEscape(poolName) + "/backends/" + url.PathEscape(id)
}
