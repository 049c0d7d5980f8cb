package integration

import (
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

// freePort returns a port on which nothing listens.
func freePort(t *testing.T) int {
	t.Helper()
	return process.Port(t)
}

// freeAddr returns 127.0.0.1 with a free port.
func freeAddr(t *testing.T) string {
	t.Helper()
	return process.Addr(t)
}
