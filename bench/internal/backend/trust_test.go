package backend

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"testing"
)

// trust returns a configuration that trusts a certificate, and no others.
func trust(t *testing.T, file string) *tls.Config {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(content) {
		t.Fatalf("%s has no certificate", file)
	}
	return &tls.Config{RootCAs: pool}
}
