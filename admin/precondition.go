package admin

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// ifMatch is the condition of an If-Match header (RFC 9110, section 13.1.1).
// The zero value is no condition.
type ifMatch struct {
	given bool
	any   bool     // `*`: whatever the revision is
	tags  []string // strong entity tags, without quotes
}

// parseIfMatch parses the values of all If-Match headers. Weak tags are valid,
// but match nothing: revisions are compared strongly.
func parseIfMatch(values []string) (ifMatch, *failure) {
	if len(values) == 0 {
		return ifMatch{}, nil
	}
	m := ifMatch{given: true}
	bad := refuse(http.StatusBadRequest, codeBadIfMatch, "If-Match %.80q is neither * nor a list of quoted revisions", strings.Join(values, ", "))
	rest := strings.Trim(strings.Join(values, ","), " \t")
	if rest == "*" {
		m.any = true
		return m, nil
	}
	tags := 0
	for rest != "" {
		if rest[0] == ',' { // empty elements are to be ignored
			rest = strings.TrimLeft(rest[1:], " \t")
			continue
		}
		quoted, weak := strings.CutPrefix(rest, "W/")
		if quoted == "" || quoted[0] != '"' {
			return ifMatch{}, bad
		}
		tag, after, closed := strings.Cut(quoted[1:], `"`)
		after = strings.TrimLeft(after, " \t")
		if !closed || strings.ContainsFunc(tag, notTagChar) || (after != "" && after[0] != ',') {
			return ifMatch{}, bad
		}
		if !weak {
			m.tags = append(m.tags, tag)
		}
		tags++
		rest = after
	}
	if tags == 0 {
		return ifMatch{}, bad
	}
	return m, nil
}

// notTagChar is the complement of etagc in RFC 9110, section 8.8.3.
func notTagChar(r rune) bool { return r <= ' ' || r == '"' || r == 0x7f }

// allows reports whether the condition holds at the revision.
func (m ifMatch) allows(revision uint64) bool {
	if !m.given || m.any {
		return true
	}
	return slices.Contains(m.tags, strconv.FormatUint(revision, 10))
}

// etag returns the entity tag of a revision.
func etag(revision uint64) string { return `"` + strconv.FormatUint(revision, 10) + `"` }
