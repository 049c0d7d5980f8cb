package wire

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

// wholeLog is more than what Caddy writes.
const wholeLog = 1 << 26

var suite = process.NewSuite("wire", "../../cmd/caddy")

// caddy is the process that all tests share. Each test has sites of its own
// in it.
var caddy *process.Process

// overNetName is the environment variable that has all backends spoken to over
// net/http's transport, those which the HTTP/1.1 transport covers too.
const overNetName = "LOAD_BALANCE_OVER_NET"

var overNet = os.Getenv(overNetName) != ""

func TestMain(m *testing.M) {
	suite.Main(m, start, func(passed bool) error {
		if err := caddy.Stop(); err != nil {
			return err
		}
		closeSites()
		if !passed || overNet {
			return nil
		}
		return runOverNet()
	})
}

func start() error {
	binary, err := suite.Binary(process.Race)
	if err != nil {
		return err
	}
	if err := bindSites(suite.Dir); err != nil {
		return err
	}
	config, err := configJSON()
	if err != nil {
		return err
	}
	caddy, err = process.Start(process.Options{
		Binary: binary, Home: suite.Dir, Config: string(config), JSON: true, KeepLog: wholeLog,
		// extended CONNECT, for WebSockets over HTTP/2, is off in Go's server by default
		Env: []string{"GODEBUG=http2xconnect=1"},
	})
	return err
}

// runOverNet runs the same tests again, over the other transport.
func runOverNet() error {
	binary, err := suite.Binary(process.Race)
	if err != nil {
		return err
	}
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
