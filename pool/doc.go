// Package pool holds named sets of backends and everything known about them:
// what the operator wants, what was observed, and the load they carry.
//
// A [Pool] outlives the configs that use it. Requests read an immutable
// [Snapshot] of it through one atomic pointer; every change builds a new one.
// The package forwards nothing and probes nothing: selection is done by a
// [Picker], health is reported by a [Monitor], and connections belong to
// [Transports]; all three are interfaces which other packages fulfil.
//
// The backends are what config and discovery define, changed by what was changed
// at runtime. A runtime change, a [Mutation], goes three steps: it is found good
// on the pool as it is, or as other instances have made it meanwhile; it is put
// into the pool's document, which a [Store] keeps; and only then it is in force.
// One is made after the other, but the pool's mutex is not held while the store
// takes its time, so that health, snapshots and status go on.
package pool
