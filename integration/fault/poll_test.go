package fault

import (
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

const patience = process.Patience

func eventually(t *testing.T, check func() error) {
	t.Helper()
	process.Eventually(t, check)
}
