// Package pool holds named sets of backends and everything known about them:
// what the operator wants, what was observed, and the load they carry.
//
// A [Pool] outlives the configs that use it. Requests read an immutable
// [Snapshot] of it through one atomic pointer; every change builds a new one.
// The package forwards nothing and probes nothing: selection is done by a
// [Picker], health is reported by a [Monitor], and connections belong to
// [Transports]; all three are interfaces which other packages fulfil.
package pool
