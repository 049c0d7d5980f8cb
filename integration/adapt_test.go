package integration

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"flag"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

var update = flag.Bool("update", false, "write what the adaptation cases yield into their files")

// separator stands between the Caddyfile of an adaptation case and what it
// yields: JSON, or the text of an error.
const separator = "----------\n"

// TestAdapt runs the adaptation cases, with what they refer to in the directory
// files. A config that comes out must be one that Caddy can load. With -update,
// what comes out is written into the cases.
func TestAdapt(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("caddyfile_adapt/*.caddyfiletest")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("there are no cases")
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".caddyfiletest"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			caddyfile, want, _ := strings.Cut(string(text), separator)
			got, failed := adapt(t, caddyfile)
			if strings.HasPrefix(filepath.Base(file), "error_") != failed {
				t.Fatalf("cases that end in an error, and only those, are named error_*; got\n%s", got)
			}
			switch {
			case got == want:
			case *update:
				if err := os.WriteFile(file, []byte(caddyfile+separator+got), 0o600); err != nil {
					t.Fatal(err)
				}
			default:
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// adapt returns the indented JSON of a Caddyfile, which is validated as well,
// or the error of its adaptation.
func adapt(t *testing.T, caddyfile string) (output string, failed bool) {
	t.Helper()
	dir := t.TempDir()
	files := filepath.Join(dir, "files")
	if err := os.CopyFS(files, os.DirFS("caddyfile_adapt/files")); err != nil {
		t.Fatal(err)
	}
	writeCertificate(t, files)
	if err := os.WriteFile(filepath.Join(dir, "Caddyfile"), []byte(caddyfile), 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, log, err := caddyIn(t, dir, "adapt", "--config", "Caddyfile")
	if err != nil {
		return adaptError(t, log), true
	}
	if _, log, err := caddyIn(t, dir, "validate", "--config", "Caddyfile"); err != nil {
		t.Errorf("adapted, but not valid: %s", adaptError(t, log))
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, []byte(stdout), "", "\t"); err != nil {
		t.Fatalf("%v\n%s", err, stdout)
	}
	return pretty.String(), false
}

// caddyIn is runCaddy in a directory, with what is logged apart.
func caddyIn(t *testing.T, dir string, args ...string) (stdout, log string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := process.Command(t.Context(), dir, append([]string{caddyBinary(t)}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// adaptError returns the error that Caddy logged.
func adaptError(t *testing.T, log string) string {
	t.Helper()
	for line := range strings.Lines(log) {
		var entry struct{ Level, Msg string }
		if err := json.Unmarshal([]byte(line), &entry); err == nil && entry.Level == "error" {
			return entry.Msg + "\n"
		}
	}
	t.Fatalf("there is no error in\n%s", log)
	return ""
}

// writeCertificate writes cert.pem, which is its own authority, and key.pem
// into the directory, and cert.pem once more as ca.pem.
func writeCertificate(t *testing.T, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"ca.pem":   {Type: "CERTIFICATE", Bytes: cert},
		"cert.pem": {Type: "CERTIFICATE", Bytes: cert},
		"key.pem":  {Type: "PRIVATE KEY", Bytes: der},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
