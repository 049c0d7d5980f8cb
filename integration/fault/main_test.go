package fault

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

var (
	long       = flag.Bool("fault.long", false, "more of everything: some minutes")
	reportFile = flag.String("fault.report", "", "write the report as a Markdown table to this `file`")

	workDir string // as long as the tests run
)

// scale returns how much of something there is to be.
func scale(short, inFull int) int {
	if *long {
		return inFull
	}
	return short
}

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "fault:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	if workDir, err = os.MkdirTemp("", "load-balance-fault-"); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(workDir)) }()
	code = m.Run()
	report.text(os.Stdout)
	if *reportFile != "" {
		err = os.WriteFile(*reportFile, []byte(report.markdown()), 0o600)
	}
	if code == 0 && err == nil {
		err = goleak.Find()
	}
	return code, err
}

var (
	plainCaddy = sync.OnceValues(func() (string, error) { return build(raceEnabled) })
	raceCaddy  = sync.OnceValues(func() (string, error) { return build(true) })
)

func build(race bool) (string, error) {
	return process.Build(workDir, filepath.Join("..", "..", "cmd", "caddy"), race)
}

// caddyBinary returns the path of a Caddy with this module. It has the race
// detector if that is wanted, or if the tests have it.
func caddyBinary(t *testing.T, race bool) string {
	t.Helper()
	get := plainCaddy
	if race && !raceEnabled {
		get = raceCaddy
	}
	path, err := get()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func freeAddr(t *testing.T) string {
	t.Helper()
	addr, err := process.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	return addr
}
