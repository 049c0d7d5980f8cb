package command

import (
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

var suite = process.NewSuite("command", "../../cmd/caddy")

func TestMain(m *testing.M) { suite.Main(m, nil, nil) }
