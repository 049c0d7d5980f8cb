package compare

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

var (
	long       = flag.Bool("compare.long", false, "reverse_proxy as well, and more of everything: some minutes")
	reportFile = flag.String("compare.report", "", "write the table as Markdown to this `file`")

	suite = process.NewSuite("compare", "../../cmd/caddy")
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
		http.DefaultClient.CloseIdleConnections()
		if *long {
			fmt.Fprint(os.Stdout, report.markdown())
		}
		if *reportFile == "" {
			return nil
		}
		return os.WriteFile(*reportFile, []byte(report.markdown()), 0o600)
	})
}
