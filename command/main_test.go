package command

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) {
	// started when Caddy's packages are initialised, and never ended
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent())
}
