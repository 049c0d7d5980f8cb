package persist

import (
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

var suite = process.NewSuite("persist", "../../cmd/caddy")

func TestMain(m *testing.M) { suite.Main(m, nil, nil) }
