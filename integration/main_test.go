package integration

import (
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/curl"
	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

var suite = process.NewSuite("integration", "../cmd/caddy")

func TestMain(m *testing.M) {
	if curl.Called() {
		curl.Main()
	}
	suite.Main(m, nil, nil)
}
