// Package operate tests what operators do: deploys, switches, and thousands of
// changes through the admin API and the command line of a Caddy that is a
// process of its own, under load. No request may fail meanwhile, nobody else's
// WebSocket end, and the status must say what is.
package operate
