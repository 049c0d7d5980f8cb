package load

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Ready waits until the request of a job is answered by a 2xx status and a body
// of size bytes. Some proxies listen before they know what to serve.
func Ready(ctx context.Context, job Job, size int64) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig:   insecure(),
		DisableKeepAlives: true,
	}}
	for {
		err := check(ctx, client, job, size)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// check sends the request once.
func check(ctx context.Context, client *http.Client, job Job, size int64) error {
	method := cmp.Or(job.Method, http.MethodGet)
	req, err := http.NewRequestWithContext(ctx, method, job.URL, strings.NewReader(strings.Repeat("x", job.BodySize)))
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	got, err := io.Copy(io.Discard, resp.Body)
	switch {
	case err != nil:
		return fmt.Errorf("%s %s: %w", method, job.URL, err)
	case resp.StatusCode/100 != 2:
		return fmt.Errorf("%s %s: status %d", method, job.URL, resp.StatusCode)
	case got != size:
		return fmt.Errorf("%s %s: body of %d bytes, want %d", method, job.URL, got, size)
	}
	return nil
}

// insecure trusts the certificate that is made for a run. Who is measured on
// loopback need not be authenticated.
func insecure() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true}
}
