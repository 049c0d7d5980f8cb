// Package balancer holds the selection policies: Caddy guest modules in the
// namespace http.handlers.load_balance.policies that pick one backend of a
// pool for a request.
//
// A [Policy] makes a picker from the accepting members of one tier whenever a
// pool publishes a snapshot, and the picker then only picks: without locks,
// without allocation, with randomness that comes from the request. Every
// policy honours weights. A pick reserves a slot, so a member can refuse, for
// being full or for having been tried; each policy then offers the request to
// the others, in its own order of preference, before it gives up.
//
// What is shared between policies stands in files of its own: the smooth
// weighted order (schedule.go), weighted draws (line.go, sample.go), loads and
// the tree that keeps members in their order (load.go, rank.go, loadtree.go),
// consistent hashing (ring.go, circle.go) and the bound of its loads (bound.go,
// tally.go), and what happens when a request lacks what a policy looks at
// (fallback.go).
package balancer
