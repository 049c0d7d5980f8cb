package integration

import (
	"os"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

var suite = process.NewSuite("integration", "../cmd/caddy")

func TestMain(m *testing.M) {
	if isCurl() {
		os.Exit(curlMain(os.Args[1:]))
	}
	suite.Main(m, nil, nil)
}
