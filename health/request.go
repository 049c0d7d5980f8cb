package health

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// userAgent is the User-Agent of probes which are not configured to have
// another one.
const userAgent = "caddy-load-balance-health/1"

// expander returns a function that replaces the placeholders in a header value
// or a body: global ones, and the backend's address.
func (p *httpProber) expander() func(string) string {
	var repl *caddy.Replacer // costs too much to make for nothing
	return func(s string) string {
		if !strings.Contains(s, "{") {
			return s
		}
		if repl == nil {
			repl = caddy.NewReplacer()
			repl.Set("http.load_balance.active.target_backend", p.backend)
			repl.Set("http.reverse_proxy.active.target_upstream", p.backend)
		}
		return repl.ReplaceKnown(s, "")
	}
}

// request returns a new request. Placeholders are replaced each time, as they
// may stand for files and environment that change.
func (p *httpProber) request(ctx context.Context) (*http.Request, error) {
	expand := p.expander()
	var body io.Reader
	if p.settings.Body != "" {
		body = strings.NewReader(expand(p.settings.Body))
	}
	req, err := http.NewRequestWithContext(ctx, p.settings.Method, "/", body)
	if err != nil {
		return nil, err
	}
	target := *p.url
	req.URL, req.Host = &target, p.url.Host
	req.Header = http.Header{"User-Agent": {userAgent}}
	for name, values := range p.settings.Headers {
		name = http.CanonicalHeaderKey(name)
		if name == "Host" {
			continue
		}
		list := make([]string, len(values))
		for i, value := range values {
			list[i] = expand(value)
		}
		req.Header[name] = list
	}
	return req, nil
}

// hostHeader returns the Host header: what is configured, or the address that
// is probed, without a port that goes without saying.
func (p *httpProber) hostHeader() string {
	if p.settings.Host != "" {
		return p.expander()(p.settings.Host)
	}
	for name, values := range p.settings.Headers {
		if http.CanonicalHeaderKey(name) == "Host" && len(values) > 0 && values[0] != "" {
			return p.expander()(values[0])
		}
	}
	return hostPort(p.url.Scheme, p.endpoint.host(), p.endpoint.port())
}

// hostPort joins host and port, which is left out if it is the scheme's.
func hostPort(scheme, host, port string) string {
	if port == "" || (scheme == "http" && port == "80") || (scheme == "https" && port == "443") {
		if strings.Contains(host, ":") {
			return "[" + host + "]"
		}
		return host
	}
	return net.JoinHostPort(host, port)
}
