package pool

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/metrics"
)

// Pool is a named set of backends. All methods may be used concurrently.
type Pool struct {
	name    string
	monitor Monitor
	hub     *hub
	exit    *exit
	snap    atomic.Pointer[Snapshot]
	// observer of the definition in force; nil if it has none
	observer atomic.Pointer[Observer]
	budget   retryBudget
	events   eventQueue
	queue    waitQueue
	refusals metrics.Refusals
	times    atomic.Pointer[metrics.SharedTimes] // nil: the pool was never a large one
	done     chan struct{}
	turn     chan struct{} // full while a change is being made

	mu         sync.Mutex
	def        *Definition             // in force: that of the newest claim, or the seed
	claims     []claim                 // oldest first
	changes    changes                 // made at runtime
	document   document                // that the changes are stored in
	told       map[string]string       // changes of it that people know gave way, by id, as they are stored
	gaveWay    []yielded               // of changes; kept as long as another claim may come back
	discovered []Spec                  // in use
	found      map[string][]Spec       // by source, for all claims; see Definition.Discovery
	defs       []Spec                  // what config and discovery define
	defined    map[string]int          // in defs, by id; made when needed
	listed     map[config.Address]bool // by the config
	specs      []Spec                  // what all of that amounts to, in order; never changed in place
	index      map[string]int          // in specs, by id
	byAddress  map[config.Address]int  // in specs
	live       []*Backend              // of specs, in the same order
	parked     map[identity]*Backend   // not wanted now, but by a claim that may come back
	transports *transportSet           // in use
	oldSets    []*transportSet         // of claims that may come back
	watch      watch                   // what the monitor knows
	revision   uint64
	generation uint64 // grows whenever the changes or what comes of them may have changed
	served     bool   // a config has claimed the pool
	ended      bool   // the last config that had the pool has given it up
	closed     bool

	rebuild      *time.Timer   // pending rebuild for changed health; nil if none
	rebuilt      time.Time     // when health was the reason last
	wakeup       *time.Timer   // fires when time alone changes the snapshot next; nil if none
	tend         *time.Timer   // fires when drains are to be looked after next; nil if none
	drains       []*Backend    // which drain
	drainStep    chan struct{} // closed when one has come further; nil: nobody waits
	random       func() float64
	lastRebuilds uint64 // count of snapshots made
	ejected      int    // backends which are ejected or returning, no less than there are
}

func newPool(name string, monitor Monitor, h *hub, e *exit) *Pool {
	p := &Pool{name: name, monitor: monitor, hub: h, exit: e, found: make(map[string][]Spec), def: &Definition{Policy: noPolicy{}}, done: make(chan struct{}), turn: make(chan struct{}, 1), random: rand.Float64}
	p.snap.Store(&Snapshot{Pool: name, Replaced: make(chan struct{})})
	return p
}

// Name returns the pool's name.
func (p *Pool) Name() string { return p.name }

// Done returns a channel that is closed when no config uses the pool any more.
// Upgraded connections end then.
func (p *Pool) Done() <-chan struct{} { return p.done }

// Snapshot returns the pool's current snapshot, never nil.
func (p *Pool) Snapshot() *Snapshot { return p.snap.Load() }

// Committed reports whether a running config claims the pool.
func (p *Pool) Committed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.claims) > 0
}

// Destruct ends the pool once nothing refers to it any more: idle connections
// are closed and timers stopped. It implements caddy.Destructor.
func (p *Pool) Destruct() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	close(p.done)
	p.queue.close()
	p.watchNothing()
	if p.rebuild != nil {
		p.rebuild.Stop()
	}
	if p.wakeup != nil {
		p.wakeup.Stop()
	}
	p.stopTending()
	p.closeParked()
	p.transports.closeAll()
	for _, set := range p.oldSets {
		set.closeAll()
	}
	return nil
}

// noPolicy is the policy of a pool that no config has defined yet.
type noPolicy struct{}

// NewPicker implements Policy.
func (noPolicy) NewPicker([]*Member, Picker) Picker { return nil }
