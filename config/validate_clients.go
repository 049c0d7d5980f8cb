package config

import (
	"fmt"

	"github.com/caddyserver/caddy/v2"
)

func (f *Forwarding) validateClients() error {
	for _, limit := range []struct {
		name    string
		timeout *caddy.Duration
		rate    *int64
	}{
		{"client_body", f.ClientBodyTimeout, f.ClientBodyMinRate},
		{"send", f.SendTimeout, f.SendMinRate},
	} {
		if limit.timeout != nil && *limit.timeout < 0 {
			return fmt.Errorf("%s_timeout %s is negative", limit.name, duration(*limit.timeout))
		}
		if limit.rate != nil && *limit.rate < 0 {
			return fmt.Errorf("%s_min_rate %d is negative", limit.name, *limit.rate)
		}
	}
	return nil
}
