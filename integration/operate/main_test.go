package operate

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/curl"
	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

var (
	long  = flag.Bool("operate.long", false, "more of everything: some minutes")
	suite = process.NewSuite("operate", "../../cmd/caddy")
)

// scale returns how much of something there is to be.
func scale(short, inFull int) int {
	if *long {
		return inFull
	}
	return short
}

func TestMain(m *testing.M) {
	if curl.Called() {
		curl.Main()
	}
	suite.Main(m, nil, func(bool) error {
		for _, line := range figures.list {
			fmt.Fprintln(os.Stdout, line)
		}
		return nil
	})
}
