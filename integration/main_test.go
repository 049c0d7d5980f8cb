package integration

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// workDir lives as long as the test run: the binary is in it.
var workDir string

func TestMain(m *testing.M) {
	if isCurl() {
		os.Exit(curlMain(os.Args[1:]))
	}
	os.Exit(runTests(m))
}

func runTests(m *testing.M) (code int) {
	dir, err := os.MkdirTemp("", "load-balance-integration-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "directory for the binary:", err)
		return 1
	}
	workDir = dir
	defer func() {
		if err := os.RemoveAll(dir); err != nil {
			fmt.Fprintln(os.Stderr, "removing the binary:", err)
			code = 1
		}
	}()
	if code := m.Run(); code != 0 {
		return code
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, "goroutines left over:", err)
		return 1
	}
	return 0
}
