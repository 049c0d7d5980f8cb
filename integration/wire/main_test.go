package wire

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// buildTimeout is generous: a machine without a build cache compiles all of
// Caddy first.
const buildTimeout = 15 * time.Minute

// caddy is the process that all tests share. Each test has sites of its own
// in it.
var caddy *process

// overNetName is the environment variable that has all backends spoken to over
// net/http's transport, those which the HTTP/1.1 transport covers too.
const overNetName = "LOAD_BALANCE_OVER_NET"

var overNet = os.Getenv(overNetName) != ""

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "wire:", err)
		code = 1
	}
	os.Exit(code)
}

// runOverNet runs the same tests again, over the other transport.
func runOverNet(binary string) error {
	args := slices.DeleteFunc(slices.Clone(os.Args[1:]), func(arg string) bool {
		return strings.HasPrefix(arg, "-test.testlogfile")
	})
	cmd := exec.CommandContext(context.Background(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), overNetName+"=1", "CADDY_BINARY="+binary)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("over net/http's transport: %w", err)
	}
	return nil
}

func run(m *testing.M) (code int, err error) {
	home, err := os.MkdirTemp("", "load-balance-wire-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(home)) }()
	binary, err := build(home)
	if err != nil {
		return 1, err
	}
	if err := bindSites(home); err != nil {
		return 1, err
	}
	config, err := configJSON()
	if err != nil {
		return 1, err
	}
	if caddy, err = start(binary, home, config); err != nil {
		return 1, err
	}
	code = m.Run()
	if err := caddy.stop(); err != nil {
		return 1, err
	}
	closeSites()
	if code == 0 {
		err = goleak.Find()
	}
	if code == 0 && err == nil && !overNet {
		err = runOverNet(binary)
	}
	return code, err
}

// build returns the path of the binary to test.
func build(dir string) (string, error) {
	if path := os.Getenv("CADDY_BINARY"); path != "" {
		return filepath.Abs(path)
	}
	path := filepath.Join(dir, "caddy.exe")
	args := []string{"build", "-o", path}
	if raceEnabled {
		args = append(args, "-race")
	}
	ctx, cancel := context.WithTimeout(context.Background(), buildTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", append(args, "../../cmd/caddy")...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%v: %w\n%s", cmd.Args, err, out)
	}
	return path, nil
}
