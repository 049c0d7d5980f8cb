package fault

import (
	"flag"
	"os"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

var (
	long       = flag.Bool("fault.long", false, "more of everything: some minutes")
	reportFile = flag.String("fault.report", "", "write the report as a Markdown table to this `file`")

	suite = process.NewSuite("fault", "../../cmd/caddy")
)

// scale returns how much of something there is to be.
func scale(short, inFull int) int {
	if *long {
		return inFull
	}
	return short
}

func TestMain(m *testing.M) {
	suite.Main(m, nil, func(bool) error {
		report.text(os.Stdout)
		if *reportFile == "" {
			return nil
		}
		return os.WriteFile(*reportFile, []byte(report.markdown()), 0o600)
	})
}
