package integration

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// answer is a response whose body was read whole.
type answer struct {
	*http.Response
	body string
}

// newClient returns a client that does not follow redirects, and has no idle
// connections left when the test ends. transport may be nil.
func newClient(t *testing.T, transport *http.Transport) *http.Client {
	t.Helper()
	if transport == nil {
		// Clients of a load keep their connections. On a reload Caddy opens
		// another listener for the same port, and the system resets what is
		// still queued at the old one, which is not what is tested here.
		transport = &http.Transport{MaxIdleConnsPerHost: loadClients}
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{
		Transport: transport,
		Timeout:   15 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
}

// send makes a request, whose body is JSON if it has one, and does it.
func send(client *http.Client, method, url, body string) (answer, error) {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	return do(client, req)
}

// do sends a request and reads the response whole.
func do(client *http.Client, req *http.Request) (answer, error) {
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	return answer{resp, string(b)}, err
}

// get is a GET request that must not fail; its status is the caller's matter.
func get(t *testing.T, client *http.Client, url string) answer {
	t.Helper()
	a, err := send(client, http.MethodGet, url, "")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// api makes a request to the admin API that must be answered with the status.
// A reload opens another listener for the admin endpoint's port, and the system
// resets what is queued at the old one: such a request was seen by nobody, and
// is made again.
func (p *proc) api(t *testing.T, method, path, body string, status int) string {
	t.Helper()
	client := newClient(t, nil)
	a, err := send(client, method, "http://"+p.Admin+path, body)
	for again := 0; errors.Is(err, syscall.ECONNRESET) && again < 3; again++ {
		a, err = send(client, method, "http://"+p.Admin+path, body)
	}
	if err != nil {
		t.Fatal(err)
	}
	if a.StatusCode != status {
		t.Fatalf("%s %s: got status %d, want %d: %s", method, path, a.StatusCode, status, a.body)
	}
	return a.body
}

// waitServing returns once a GET to the URL is answered with 200.
func waitServing(t *testing.T, client *http.Client, url string) {
	t.Helper()
	eventually(t, func() error {
		a, err := send(client, http.MethodGet, url, "")
		if err == nil && a.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s: status %d: %s", url, a.StatusCode, a.body)
		}
		return err
	})
}

// counts makes n requests and returns how many of them each backend answered,
// by the name that it gives in the header.
func counts(t *testing.T, client *http.Client, n int, url, header string) map[string]int {
	t.Helper()
	got := make(map[string]int)
	for range n {
		a := get(t, client, url)
		if a.StatusCode != http.StatusOK {
			t.Fatalf("%s: status %d: %s", url, a.StatusCode, a.body)
		}
		got[a.Header.Get(header)]++
	}
	return got
}

// internalCA returns the certificates of Caddy's internal CA.
func (p *proc) internalCA(t *testing.T) *x509.CertPool {
	t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(p.api(t, http.MethodGet, "/pki/ca/local/certificates", "", http.StatusOK))) {
		t.Fatal("the admin endpoint gave no certificate")
	}
	return roots
}
