package process

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

// buildTimeout is generous: a machine without a build cache compiles all of
// Caddy first.
const buildTimeout = 15 * time.Minute

// Build makes a Caddy with this module in dir, with the race detector if it is
// wanted, and returns its path. source is the directory of cmd/caddy, relative
// to the test's. CADDY_BINARY names another Caddy to test, but not in place of
// one whose race detector the tests do not have themselves.
func Build(dir, source string, race bool) (string, error) {
	if path := os.Getenv("CADDY_BINARY"); path != "" && (Race || !race) {
		return filepath.Abs(path)
	}
	name, args := "caddy", []string{"build", "-buildvcs=false"}
	if race {
		name, args = "caddy-race", append(args, "-race")
	}
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	path := filepath.Join(dir, name)
	ctx, cancel := context.WithTimeout(context.Background(), buildTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", append(args, "-o", path, source)...)
	if race {
		cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%v: %w\n%s", cmd.Args, err, out)
	}
	return path, nil
}
