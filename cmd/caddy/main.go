// Command caddy is Caddy with this module and all standard modules compiled
// in. It exists for development and tests; to build a Caddy for production,
// use xcaddy, or add this module to your own main package.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	// The modules of this Caddy.
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddy-loadbalance/caddy-loadbalance"
)

func main() {
	caddycmd.Main()
}
