package health

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// maxHeaderBytes is the most that a response's head may have.
const maxHeaderBytes = 64 << 10

// httpProber passes if a request has the expected response. Every probe opens
// a connection of its own: reaching the backend is part of what is probed.
type httpProber struct {
	settings *config.ActiveHealth
	url      *url.URL // its host is the Host header
	endpoint endpoint
	backend  string // the address for placeholders
	body     *regexp.Regexp
	client   http.Client
}

func newHTTPProber(addr config.Address, e endpoint, s *config.ActiveHealth, conn pool.Connector) (*httpProber, error) {
	target, err := url.ParseRequestURI(s.URI)
	if err != nil {
		return nil, fmt.Errorf("health_uri %q: %w", s.URI, err)
	}
	p := &httpProber{settings: s, url: target, endpoint: e, backend: addr.HostPort()}
	if addr.IsUnix() {
		p.backend = "unix/" + addr.Host
	}
	if s.ExpectBody != "" {
		if p.body, err = regexp.Compile(s.ExpectBody); err != nil {
			return nil, fmt.Errorf("health_body %q: %w", s.ExpectBody, err)
		}
	}
	p.url.Scheme = s.Scheme
	if p.url.Scheme == "" {
		p.url.Scheme = "http"
		if conn.TLS != nil {
			p.url.Scheme = "https"
		}
	}
	p.url.Host = p.hostHeader()
	p.client = http.Client{Transport: p.transport(conn), CheckRedirect: p.redirect}
	if _, err := p.request(context.Background()); err != nil {
		return nil, err
	}
	return p, nil
}

// transport returns a transport that connects to the endpoint whatever the
// URL's host is, so that no redirect leads anywhere else.
func (p *httpProber) transport(conn pool.Connector) *http.Transport {
	d := &dialer{endpoint: p.endpoint, dial: conn.Dial}
	t := &http.Transport{
		DialContext:            d.plain,
		DialTLSContext:         d.encrypted,
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeaderBytes,
		Protocols:              new(http.Protocols),
	}
	switch {
	case p.url.Scheme == "https":
		d.tls = p.tlsConfig(conn.TLS)
		http2 := slices.Contains(d.tls.NextProtos, "h2")
		t.Protocols.SetHTTP2(http2)
		t.Protocols.SetHTTP1(!http2 || slices.Contains(d.tls.NextProtos, "http/1.1"))
	case conn.H2C:
		t.Protocols.SetUnencryptedHTTP2(true)
	default:
		t.Protocols.SetHTTP1(true)
	}
	return t
}

// tlsConfig returns the settings of traffic to the backend, nil for defaults,
// made complete.
func (p *httpProber) tlsConfig(traffic *tls.Config) *tls.Config {
	if traffic == nil {
		traffic = new(tls.Config)
	}
	c := traffic.Clone()
	if len(c.NextProtos) == 0 {
		c.NextProtos = []string{"h2", "http/1.1"}
	}
	if p.settings.ServerName != "" {
		c.ServerName = p.settings.ServerName
	}
	c.ServerName = config.ReplaceGlobal(c.ServerName)
	if c.ServerName == "" || strings.Contains(c.ServerName, "{") { // it depends on the request
		c.ServerName = p.endpoint.host()
	}
	return c
}

func (p *httpProber) probe(ctx context.Context) (string, error) {
	req, err := p.request(withProbe(ctx))
	if err != nil {
		return "", err
	}
	resp, err := p.client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err() // the cause; what the client says varies
		}
		return "", err
	}
	defer resp.Body.Close()
	seen := fmt.Sprintf("HTTP %d", resp.StatusCode)
	expected := func(code int) bool { return caddyhttp.StatusCodeMatches(resp.StatusCode, code) }
	if !slices.ContainsFunc(p.settings.ExpectStatus, expected) {
		return "", rejection(seen + ", expected " + statuses(p.settings.ExpectStatus))
	}
	if err := p.checkBody(resp.Body); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", err
	}
	return seen, nil
}

// checkBody reads the body, as much of it as is allowed. What is read must be
// there in time and match; what is behind it does not matter.
func (p *httpProber) checkBody(body io.Reader) error {
	body = io.LimitReader(body, p.settings.MaxSize)
	if p.body == nil {
		_, err := io.Copy(io.Discard, body)
		return bodyError(err)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return bodyError(err)
	}
	if !p.body.Match(text) {
		return rejection("body does not match")
	}
	return nil
}

func bodyError(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return rejection("body ended early")
	}
	return err
}

var _ prober = (*httpProber)(nil)
