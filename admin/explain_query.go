package admin

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"golang.org/x/net/http/httpguts"
)

const (
	// maxAsked is how long a query may be that describes a request.
	maxAsked = 32 << 10

	// maxAskedFields is how many cookies and header fields it may have.
	maxAskedFields = 100

	maxMethod = 32
	maxHost   = 255
)

// asked is a request as a query describes it.
type asked struct {
	values  url.Values
	request *http.Request
}

// askedFor returns the request that a query asks about, with what Caddy's server
// gives to the handlers of a real one.
func askedFor(by *http.Request) (*http.Request, error) {
	raw := by.URL.RawQuery
	if len(raw) > maxAsked {
		return nil, refuse(http.StatusBadRequest, codeBadQuery, "the query is longer than %d bytes", maxAsked)
	}
	values, err := parseQueryLists(raw, "method", "host", "path", "query", "client_ip", "cookie", "header")
	if err != nil {
		return nil, err
	}
	a := asked{values: values, request: &http.Request{
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: make(http.Header), Body: http.NoBody,
	}}
	for _, read := range []func() error{a.method, a.host, a.target, a.client, a.fields, a.cookies} {
		if err := read(); err != nil {
			return nil, err
		}
	}
	r := a.request.WithContext(by.Context())
	return caddyhttp.PrepareRequest(r, caddy.NewReplacer(), nil, new(caddyhttp.Server)), nil
}

// one returns the value of a parameter that may come once, or what it is by
// default.
func (a *asked) one(name, otherwise string) (string, error) {
	switch list := a.values[name]; len(list) {
	case 0:
		return otherwise, nil
	case 1:
		return list[0], nil
	default:
		return "", refuse(http.StatusBadRequest, codeBadQuery, "query parameter %q comes %d times", name, len(list))
	}
}

// bad refuses the value of a parameter.
func bad(name, value, because string) error {
	return refuse(http.StatusBadRequest, codeBadQuery, "query parameter %s=%.80q %s", name, value, because)
}

func (a *asked) method() error {
	method, err := a.one("method", http.MethodGet)
	if err != nil {
		return err
	}
	if len(method) > maxMethod || !httpguts.ValidHeaderFieldName(method) {
		return bad("method", method, "is not a method")
	}
	a.request.Method = method
	return nil
}

func (a *asked) host() error {
	host, err := a.one("host", "localhost")
	if err != nil {
		return err
	}
	if host == "" || len(host) > maxHost || !httpguts.ValidHostHeader(host) {
		return bad("host", host, "is not a host")
	}
	a.request.Host = host
	return nil
}

// target reads path and query, as they are in a request's first line: escaped.
func (a *asked) target() error {
	path, err := a.one("path", "/")
	if err != nil {
		return err
	}
	query, err := a.one("query", "")
	if err != nil {
		return err
	}
	if !strings.HasPrefix(path, "/") || strings.Contains(path, "?") || !visible(path) {
		return bad("path", path, "is not a path as in a request line, which begins with a slash")
	}
	if !visible(query) {
		return bad("query", query, "is not a query as in a request line")
	}
	target := path
	if query != "" {
		target += "?" + query
	}
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return bad("path", path, "is not a path as in a request line: "+err.Error())
	}
	a.request.URL, a.request.RequestURI = u, target
	return nil
}

// visible reports whether s is what may be in a request's first line.
func visible(s string) bool {
	return strings.IndexFunc(s, func(c rune) bool { return c <= ' ' || c >= 0x7f || c == '#' }) < 0
}

// client reads the address of the client, which is the peer as well.
func (a *asked) client() error {
	text, err := a.one("client_ip", "127.0.0.1")
	if err != nil {
		return err
	}
	ip, err := netip.ParseAddr(text)
	if err != nil || ip.Zone() != "" {
		return bad("client_ip", text, "is not an IP address")
	}
	a.request.RemoteAddr = net.JoinHostPort(ip.String(), "0")
	return nil
}

func (a *asked) fields() error {
	list := a.values["header"]
	if len(list)+len(a.values["cookie"]) > maxAskedFields {
		return refuse(http.StatusBadRequest, codeBadQuery, "more than %d header fields and cookies", maxAskedFields)
	}
	for _, text := range list {
		name, value, ok := strings.Cut(text, ":")
		value = strings.Trim(value, " \t")
		switch {
		case !ok || !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value):
			return bad("header", text, "is not a name, a colon and a value")
		case strings.EqualFold(name, "Host"), strings.EqualFold(name, "Cookie"):
			return bad("header", text, "has a parameter of its own, "+strings.ToLower(name))
		}
		a.request.Header.Add(name, value)
	}
	return nil
}

func (a *asked) cookies() error {
	list := a.values["cookie"]
	for _, text := range list {
		if _, err := http.ParseCookie(text); err != nil || strings.Contains(text, ";") {
			return bad("cookie", text, "is not a name, an equals sign and a value")
		}
	}
	if len(list) > 0 {
		a.request.Header.Set("Cookie", strings.Join(list, "; "))
	}
	return nil
}
