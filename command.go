package loadbalance

import (
	// the command `caddy load-balance`
	_ "github.com/caddy-loadbalance/caddy-loadbalance/command"
)
