package caddyfile

import (
	"errors"
	"slices"
	"strings"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// opaque marks placeholders in addresses that must not be replaced yet.
const opaque = "{caddyfile."

// validate returns the error of [config.Handler.Validate], which replaces
// global placeholders such as {env.*} in addresses. Those belong to the machine
// that the config will run on, so here they stay as they are.
func validate(cfg config.Handler) error {
	cfg.Backends = slices.Clone(cfg.Backends)
	for i := range cfg.Backends {
		b := &cfg.Backends[i]
		b.Address = strings.ReplaceAll(b.Address, "{", opaque)
	}
	if err := cfg.Validate(); err != nil {
		return errors.New(strings.ReplaceAll(err.Error(), opaque, "{"))
	}
	return nil
}
