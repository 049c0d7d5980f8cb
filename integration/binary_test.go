package integration

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

// caddyBinary returns the path of a Caddy with this module, with the race
// detector if the tests have it. CADDY_BINARY names another one to test
// instead.
func caddyBinary(t *testing.T) string {
	t.Helper()
	return suite.Caddy(t, process.Race)
}

// runCaddy runs a command of Caddy that ends by itself, such as `validate`,
// and returns what it wrote.
func runCaddy(t *testing.T, args ...string) (output string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := process.Command(ctx, t.TempDir(), append([]string{caddyBinary(t)}, args...)...)
	cmd.Dir = "" // files are named from here
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// writeTemp writes a file that is removed when the test ends.
func writeTemp(t *testing.T, name, text string) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
