package wire

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "wire:", err)
		code = 1
	}
	os.Exit(code)
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
