package integration

import (
	"crypto/tls"
	"net/http"
	"testing"
	"time"

	"github.com/quic-go/quic-go/http3"
)

// TestExampleTLS reaches backends over TLS, with the certificate of Caddy's
// internal CA verified, as clients of each version of HTTP.
func TestExampleTLS(t *testing.T) {
	p, r := startExample(t, "tls/Caddyfile", 9001, 9002)
	url := r.text(t, "https://localhost:8443/")
	roots := p.internalCA(t)

	only := func(version string) *http.Client {
		protocols := new(http.Protocols)
		protocols.SetHTTP1(version == "HTTP/1.1")
		protocols.SetHTTP2(version == "HTTP/2.0")
		return newClient(t, &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: roots},
			Protocols:       protocols,
		})
	}
	quic := &http3.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(func() {
		if err := quic.Close(); err != nil {
			t.Error(err)
		}
	})
	clients := map[string]*http.Client{
		"HTTP/1.1": only("HTTP/1.1"),
		"HTTP/2.0": only("HTTP/2.0"),
		"HTTP/3.0": {Transport: quic, Timeout: 15 * time.Second},
	}
	waitServing(t, clients["HTTP/1.1"], url) // the certificate is being made
	for version, client := range clients {
		t.Run(version, func(t *testing.T) {
			for range 4 {
				a := get(t, client, url)
				if a.StatusCode != http.StatusOK || a.Proto != version {
					t.Errorf("got %s with status %d: %s", a.Proto, a.StatusCode, a.body)
				}
				if a.Header.Get("Saw-Proto") != "HTTP/1.1" || a.Header.Get("Saw-Forwarded-Proto") != "https" {
					t.Errorf("the backend saw %s, forwarded from %s; want HTTP/1.1 and https",
						a.Header.Get("Saw-Proto"), a.Header.Get("Saw-Forwarded-Proto"))
				}
			}
		})
	}
	t.Run("not trusted", func(t *testing.T) {
		if a, err := send(newClient(t, nil), http.MethodGet, url, ""); err == nil {
			t.Errorf("a client without the CA got status %d", a.StatusCode)
		}
	})
}
