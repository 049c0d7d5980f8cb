// Package discovery finds backends while Caddy runs: its modules look them up
// in DNS, and its [Runner] keeps pools up to date with what they find.
//
// Discovery runs in the background, once for each pool, and never in the way of
// a request. What a pool knows is replaced only by an answer, never by the lack
// of one: see [Runner].
package discovery
