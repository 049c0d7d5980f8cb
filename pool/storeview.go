package pool

import (
	"context"
	"time"
)

// StoreViewer is a Store that can tell how it is doing.
type StoreViewer interface {
	// View returns what there is to tell about a pool, in which the document
	// with the number is in force.
	View(pool string, number uint64) StoreView

	// Await returns when all instances that have the pool have put the
	// document in force that is in force here, or the context has ended.
	Await(ctx context.Context, pool string, number func() uint64)
}

// StoreView is how the storage of a pool's runtime changes is doing.
type StoreView struct {
	Err      error     // of the last attempt to read or to write; nil if that was well
	Number   uint64    // of the document in force; 0 if there is none
	LastSync time.Time // when it was last seen what is stored; zero for never

	// Instances are the processes that have the pool, and have told so through
	// the storage; this one is among them.
	Instances []InstanceView
}

// InstanceView is a process that shares the storage.
type InstanceView struct {
	ID      string
	Host    string
	PID     int
	Started time.Time
	Number  uint64    // of the document in force there
	Seen    time.Time // when it gave its last sign of life
	Current bool      // what is in force here is in force there
	Self    bool
}

// StoreView returns how the storage of the pool's runtime changes is doing, and
// whether they are stored at all.
func (p *Pool) StoreView() (v StoreView, stored bool) {
	store, number := p.viewer()
	if store == nil {
		return v, false
	}
	return store.View(p.name, number), true
}

// AwaitInstances returns when all instances have put in force what is in force
// here, or the context has ended.
func (p *Pool) AwaitInstances(ctx context.Context) {
	if store, _ := p.viewer(); store != nil {
		store.Await(ctx, p.name, p.Stored)
	}
}

// viewer returns the store, nil if there is none, and the number of the
// document in force.
func (p *Pool) viewer() (StoreViewer, uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	store, _ := p.def.Store.(StoreViewer)
	return store, p.document.number
}
