// Package wire holds the conformance tests of what goes over the wire: the
// real binary stands between clients and backends that are scripted byte for
// byte, and what each side receives is compared with what the specifications
// of HTTP, WebSocket and gRPC allow. There is nothing to import here.
//
// Two environment variables change what is tested. CADDY_BINARY names a Caddy
// to use instead of the one that is built from this module. LB_DIRECTIVE names
// another handler than `load_balance`: with `LB_DIRECTIVE=reverse_proxy` the
// same cases run against the handler that comes with Caddy, for comparison.
package wire
