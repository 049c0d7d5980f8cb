package compare

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

var (
	long       = flag.Bool("compare.long", false, "reverse_proxy as well, and more of everything: some minutes")
	reportFile = flag.String("compare.report", "", "write the table as Markdown to this `file`")

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
		fmt.Fprintln(os.Stderr, "compare:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	if workDir, err = os.MkdirTemp("", "load-balance-compare-"); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(workDir)) }()
	code = m.Run()
	if *long {
		fmt.Fprint(os.Stdout, report.markdown())
	}
	if *reportFile != "" {
		err = os.WriteFile(*reportFile, []byte(report.markdown()), 0o600)
	}
	return code, err
}

// caddyBinary returns the path of a Caddy with this module.
var caddyBinary = sync.OnceValues(func() (string, error) {
	return process.Build(workDir, filepath.Join("..", "..", "cmd", "caddy"), false)
})
