package admin

import (
	"net/http"
	"net/url"
	"slices"
)

// parseQuery returns the query's parameters. Each must be one of those allowed,
// and come once.
func parseQuery(raw string, allowed ...string) (map[string]string, error) {
	values, err := parseQueryLists(raw, allowed...)
	if err != nil {
		return nil, err
	}
	params := make(map[string]string, len(values))
	for name, list := range values {
		if len(list) > 1 {
			return nil, refuse(http.StatusBadRequest, codeBadQuery, "query parameter %q comes %d times", name, len(list))
		}
		params[name] = list[0]
	}
	return params, nil
}

// parseQueryLists is parseQuery for parameters that may come more than once.
func parseQueryLists(raw string, allowed ...string) (url.Values, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, codeBadQuery, "query %.80q: %v", raw, err)
	}
	for name := range values {
		if !slices.Contains(allowed, name) {
			return nil, refuse(http.StatusBadRequest, codeUnknownParameter, "query parameter %.40q is unknown here", name)
		}
	}
	return values, nil
}

// readQuery reads the query of a change, which has `force`, `dry_run` and
// whatever is allowed beside them.
func (c *call) readQuery(allowed ...string) (map[string]string, error) {
	params, err := parseQuery(c.r.URL.RawQuery, append(allowed, "force", "dry_run")...)
	if err != nil {
		return nil, err
	}
	// that it is dry comes first: a refusal of the rest is part of the rehearsal
	for _, p := range []struct {
		name  string
		value *bool
	}{{"dry_run", &c.dryRun}, {"force", &c.force}} {
		switch text, given := params[p.name]; {
		case !given || text == "false":
		case text == "true":
			*p.value = true
		default:
			return nil, refuse(http.StatusBadRequest, codeBadQuery, "query parameter %s=%.40q is neither true nor false", p.name, text)
		}
	}
	return params, nil
}
