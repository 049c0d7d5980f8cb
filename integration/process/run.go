package process

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// maxShown limits how much of a log a test that fails shows.
const maxShown = 1 << 15

// Run is Start in a test. The process is stopped when the test ends, which
// fails if it does not end in good order.
func Run(t testing.TB, o Options) *Process {
	t.Helper()
	p, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Errorf("caddy ended with: %v", err)
		}
		if t.Failed() {
			log := p.Log()
			t.Logf("the log of caddy ends with:\n%s", log[max(0, len(log)-maxShown):])
		}
	})
	return p
}

// Addr is FreeAddr in a test.
func Addr(t testing.TB) string {
	t.Helper()
	addr, err := FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

// Port is FreePort in a test.
func Port(t testing.TB) int {
	t.Helper()
	port, err := FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// Command returns a command that runs in a directory and finds nothing of the
// user's: all that it keeps is below home.
func Command(ctx context.Context, home string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir, cmd.Env = home, Env(home)
	return cmd
}

// Env returns the environment of a Caddy that finds nothing of the user's, and
// more of it.
func Env(home string, more ...string) []string {
	return append([]string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + home,
		"XDG_DATA_HOME=" + filepath.Join(home, "data"),
		"XDG_CONFIG_HOME=" + filepath.Join(home, "config"),
		"GOTRACEBACK=all",
	}, more...)
}
