package integration

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestRemoteAdmin gives one client the right to read, and another one the right
// to change one pool, by Caddy's remote administration: no spelling of a path
// gets either any further.
func TestRemoteAdmin(t *testing.T) {
	reader, editor := clientCertificate(t, "reader"), clientCertificate(t, "editor")
	remote, first, second := freeAddr(t), freeAddr(t), freeAddr(t)
	_, port, err := net.SplitHostPort(remote)
	if err != nil {
		t.Fatal(err)
	}
	p := startCaddy(t, remoteConfig(t, remote, map[string]any{
		"web": []any{map[string]any{"address": first}},
		"api": []any{map[string]any{"address": second}},
	}, []any{
		access(reader, []string{"GET", "HEAD"}, "/load_balance"),
		access(editor, []string{"POST", "PATCH", "DELETE"}, "/load_balance/pools/web"),
	}), "")
	base := "https://localhost:" + port
	roots := p.internalCA(t)
	read := newClient(t, &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{reader}}})
	edit := newClient(t, &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{editor}}})
	waitServing(t, read, base+"/load_balance/status") // the certificate is being made

	const added = `{"id": "added", "address": "127.0.0.1:9"}`
	for _, c := range []struct {
		client *http.Client
		method string
		path   string
		body   string
		status int
	}{
		{read, "GET", "/load_balance/pools/web/backends", "", 200},
		{read, "HEAD", "/load_balance/pools/api", "", 200},
		{read, "GET", "/config/", "", 403},
		{read, "POST", "/load_balance/pools/web/backends", added, 403},
		{read, "DELETE", "/load_balance/pools/web/backends/" + first, "", 403},
		{read, "GET", "/load_balance/pools/web%2f..%2f..%2f..%2fconfig/", "", 403},

		{edit, "POST", "/load_balance/pools/web/backends", added, 201},
		{edit, "PATCH", "/load_balance/pools/web/backends/added", `{"weight": 2}`, 200},
		{edit, "DELETE", "/load_balance/pools/web/backends/added", "", 204},
		{edit, "GET", "/load_balance/pools/web/backends", "", 403},
		{edit, "POST", "/load_balance/backends", added, 403},
		{edit, "POST", "/load_balance/pools/api/backends", added, 403},
		{edit, "POST", "/load_balance/pools/web/../api/backends", added, 403},
		{edit, "POST", "/load_balance/pools/web/%2e%2e/api/backends", added, 403},
		{edit, "POST", "/load_balance/pools/web%2f..%2fapi/backends", added, 403},
		{edit, "POST", "/load_balance/pools/api%2f..%2fweb/backends", added, 400},
		{edit, "POST", "/load_balance/pools/api/%2e%2e/web/backends", added, 400},
		{edit, "POST", "/load_balance/pools/api/../web/backends", added, 307},
		{edit, "POST", "/load_balance/pools//api/backends", added, 403},
		{edit, "POST", "/load_balance/pools/web%00/backends", added, 403},
		{edit, "POST", "/load_balance/pools/WEB/backends", added, 403},
		{edit, "POST", "/load_balance/pools/website/backends", added, 403},
	} {
		a, err := send(c.client, c.method, base+c.path, c.body)
		if err != nil {
			t.Fatal(err)
		}
		if a.StatusCode != c.status {
			t.Errorf("%s %s: status %d, want %d: %s", c.method, c.path, a.StatusCode, c.status, a.body)
		}
	}
	status := p.api(t, http.MethodGet, "/load_balance/status", "", http.StatusOK)
	if !strings.Contains(status, `"name":"api","revision":1,`) || !strings.Contains(status, `"name":"web","revision":4,`) {
		t.Errorf("the pools are not as they should be: %s", status)
	}
	p.waitLog(t, `"identity":"CN=editor"`)
}

// clientCertificate makes a certificate that a client can show.
func clientCertificate(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// access allows whoever has the certificate's key these methods below the path.
func access(cert tls.Certificate, methods []string, path string) any {
	return map[string]any{
		"public_keys": []string{base64.StdEncoding.EncodeToString(cert.Certificate[0])},
		"permissions": []any{map[string]any{"paths": []string{path}, "methods": methods}},
	}
}

// remoteConfig is a config with pools, and an endpoint for remote clients whose
// certificate is of Caddy's internal CA.
func remoteConfig(t *testing.T, listen string, pools map[string]any, accessControl []any) string {
	t.Helper()
	servers := make(map[string]any)
	for name, backends := range pools {
		servers[name] = map[string]any{
			"listen": []string{freeAddr(t)},
			"routes": []any{map[string]any{"handle": []any{map[string]any{
				"handler": "load_balance", "pool": name, "backends": backends,
			}}}},
		}
	}
	config, err := json.Marshal(map[string]any{
		"admin": map[string]any{
			"identity": map[string]any{"identifiers": []string{"localhost"}, "issuers": []any{map[string]any{"module": "internal"}}},
			"remote":   map[string]any{"listen": listen, "access_control": accessControl},
		},
		"apps": map[string]any{
			"http": map[string]any{"servers": servers},
			"pki":  map[string]any{"certificate_authorities": map[string]any{"local": map[string]any{"install_trust": false}}},
		},
	})
	if err != nil {
		t.Fatal(fmt.Errorf("config: %w", err))
	}
	return string(config)
}
