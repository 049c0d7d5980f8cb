package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
)

const (
	root = "/load_balance"

	dialTimeout = 5 * time.Second
	callTimeout = 30 * time.Second
	maxAnswer   = 256 << 20
)

// client talks to an admin endpoint.
type client struct {
	addr   string // as it was given
	origin string
	isTCP  bool
	http   *http.Client
}

// newClient makes a client of the admin endpoint at an address as Caddy's
// configuration has it, such as `localhost:2019` or `unix//run/caddy.sock`.
// What it sends in Host and Origin is what Caddy's own commands send.
func newClient(addr string) (*client, error) {
	if strings.Contains(addr, "://") {
		return nil, fmt.Errorf("admin endpoint %q: it is an address as in the config, such as localhost:2019, and no URL", addr)
	}
	at, err := caddy.ParseNetworkAddress(addr)
	if err != nil {
		return nil, fmt.Errorf("admin endpoint %q: %w", addr, err)
	}
	if at.PortRangeSize() > 1 {
		return nil, fmt.Errorf("admin endpoint %q: a range of ports", addr)
	}
	c := &client{addr: addr, isTCP: !at.IsUnixNetwork() && !at.IsFdNetwork()}
	c.origin = "http://127.0.0.1" // no other host is allowed where there is none
	if c.isTCP {
		c.origin = "http://" + at.JoinHostPort(0)
	}
	if at.IsUnixNetwork() {
		// the permissions that Caddy creates a socket with are no part of its path
		at.Host, _, _ = strings.Cut(at.Host, "|")
	}
	dialer := &net.Dialer{Timeout: dialTimeout}
	c.http = &http.Client{
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return dialer.DialContext(ctx, at.Network, at.JoinHostPort(0))
			},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

func (c *client) close() { c.http.CloseIdleConnections() }

// path makes a path below the root of the API of what is between its slashes.
func path(segments ...string) string {
	var b strings.Builder
	b.WriteString(root)
	for _, s := range segments {
		b.WriteString("/" + url.PathEscape(s))
	}
	return b.String()
}

func backendPath(pool, id string) string { return path("pools", pool, "backends", id) }

// call sends a request with a JSON body, if there is one, and returns the body
// of the answer. An answer that is not a success is an error.
func (c *client) call(ctx context.Context, method, uri string, body any) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return c.callLong(ctx, method, uri, body)
}

// callLong is call for answers that may take any time.
func (c *client) callLong(ctx context.Context, method, uri string, body any) ([]byte, error) {
	resp, err := c.send(ctx, method, uri, body)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, c.unreachable(err)
	}
	return answer, nil
}

// send sends a request and returns the answer, which is a success. Its body is
// to be closed.
func (c *client) send(ctx context.Context, method, uri string, body any) (*http.Response, error) {
	var content io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.origin+uri, content)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "caddy-load-balance")
	if c.isTCP {
		req.Header.Set("Origin", c.origin)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(err)
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		defer resp.Body.Close()
		return nil, c.refusal(resp)
	}
	return resp, nil
}

func (c *client) unreachable(err error) error {
	if errors.Is(err, context.Canceled) {
		return exitf(exitInterrupted, "interrupted")
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err // the rest is our own request
	}
	return exitf(exitUnreachable, "no answer from the admin endpoint %s: %w", c.addr, err)
}

// get reads an answer into v.
func (c *client) get(ctx context.Context, uri string, v any) error {
	answer, err := c.call(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return err
	}
	return c.decode(answer, v)
}

func (c *client) decode(answer []byte, v any) error {
	if err := json.Unmarshal(answer, v); err != nil {
		return exitf(exitServer, "the admin endpoint %s has not answered as the load balancer does: %w", c.addr, err)
	}
	return nil
}
