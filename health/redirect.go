package health

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// maxRedirects is how many redirects one probe follows.
const maxRedirects = 10

// redirect decides on redirects for the HTTP client. They are judged like any
// other response unless the settings say to follow them; and followed only
// within the server that is probed: with the same scheme, to the name that the
// Host header has, or to the address. A probe says something about a backend
// only if that backend answers it.
func (p *httpProber) redirect(next *http.Request, via []*http.Request) error {
	if !isTrue(p.settings.FollowRedirects) {
		return http.ErrUseLastResponse
	}
	if len(via) > maxRedirects {
		return rejection("too many redirects")
	}
	if !p.sameServer(next.URL) {
		return errElsewhere
	}
	// a redirect is the same request at another path, with the same headers
	next.URL.Host, next.Host = p.url.Host, p.url.Host
	next.URL.User = nil
	next.Header = via[0].Header.Clone()
	return nil
}

var errElsewhere = rejection("redirected to another server")

func (p *httpProber) sameServer(u *url.URL) bool {
	if !strings.EqualFold(u.Scheme, p.url.Scheme) {
		return false
	}
	host := normalHost(u)
	address := &url.URL{Scheme: p.url.Scheme, Host: hostPort(p.url.Scheme, p.endpoint.host(), p.endpoint.port())}
	return host == normalHost(p.url) || host == normalHost(address)
}

// normalHost returns a URL's host and port so that they can be compared.
func normalHost(u *url.URL) string {
	return strings.ToLower(hostPort(u.Scheme, u.Hostname(), u.Port()))
}

// isRedirectError reports whether err is the client's complaint about where a
// redirect leads.
func isRedirectError(err error) bool {
	var in *url.Error
	return errors.As(err, &in) && strings.HasPrefix(in.Err.Error(), "failed to parse Location")
}
