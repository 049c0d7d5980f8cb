// Package compare has load_balance and Caddy's own reverse_proxy meet the same
// trouble: in the same binary, with the same subdirectives as far as both have
// them, the same backends and the same clients. What load_balance promises is
// checked; what reverse_proxy does is only written down, for the table in
// docs/resilience.md.
//
// There is nothing to import here.
package compare
