package command

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// shot is a request that was sent, and what came of it.
type shot struct {
	status  int // 0: no answer
	latency time.Duration
	header  http.Header
	err     error
}

// template returns the request that is sent again and again.
func (o *tryOptions) template(where string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(context.Background(), o.method, where, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "caddy-load-balance-try")
	for _, header := range o.headers {
		name, value, err := parseHeader(header)
		if err != nil {
			return nil, err
		}
		if strings.EqualFold(name, "Host") {
			req.Host = value
			continue
		}
		req.Header.Set(name, value)
	}
	return req, nil
}

// send sends the requests, and gives the trial what came of them.
func (o *tryOptions) send(ctx context.Context, template *http.Request, t *trial) {
	transport := &http.Transport{
		MaxIdleConnsPerHost: o.concurrency,
		ForceAttemptHTTP2:   true,
		TLSClientConfig:     &tls.Config{InsecureSkipVerify: o.insecure}, //nolint:gosec // as the user wants it
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{
		Transport:     transport,
		Timeout:       o.timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	var sent atomic.Int64
	var workers sync.WaitGroup
	for range min(o.concurrency, o.requests) {
		workers.Go(func() {
			for ctx.Err() == nil && sent.Add(1) <= int64(o.requests) {
				s := fire(ctx, client, template)
				if ctx.Err() != nil {
					return // what was interrupted says nothing
				}
				t.add(s)
			}
		})
	}
	workers.Wait()
}

// fire sends one request. The latency is the time until the response was read.
func fire(ctx context.Context, client *http.Client, template *http.Request) shot {
	began := time.Now()
	resp, err := client.Do(template.Clone(ctx))
	if err != nil {
		if e, ok := err.(*url.Error); ok { //nolint:errorlint // http.Client returns no other
			err = e.Err
		}
		return shot{err: err}
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return shot{err: err}
	}
	return shot{status: resp.StatusCode, latency: time.Since(began), header: resp.Header}
}
