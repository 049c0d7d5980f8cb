package loadbalance

import (
	"github.com/caddy-loadbalance/caddy-loadbalance/admin"
	"github.com/caddy-loadbalance/caddy-loadbalance/discovery"
	"github.com/caddy-loadbalance/caddy-loadbalance/health"
	"github.com/caddy-loadbalance/caddy-loadbalance/persist"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// What lives as long as the process, over all configs. Nothing here runs until
// a config with pools has started.
var (
	checker  = health.NewChecker(health.Options{})
	registry = pool.NewRegistry(checker)
	runner   = discovery.NewRunner()
	instance = persist.NewInstance()
)

func init() { admin.UseRegistry(registry) }
