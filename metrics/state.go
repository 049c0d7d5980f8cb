package metrics

import (
	"iter"
	"time"
)

// Source knows all pools.
type Source interface {
	// PoolMetrics yields the state of each pool. It must not change once it was
	// yielded.
	PoolMetrics() iter.Seq[*Pool]
}

// Pool is the state of a pool at one moment.
type Pool struct {
	Name      string
	Revision  uint64
	Backends  int // how many
	Accepting int // of them

	Retries        uint64
	RetriesRefused uint64
	Refusals       *Refusals
	Queue          Queue
	Times          *SharedTimes // nil: none were needed yet
	Storage        *Storage     // nil: nothing is stored

	// Each yields the backends. What it yields is only good until the next.
	Each iter.Seq[*Backend]
}

// Queue is the state of a pool's queue.
type Queue struct {
	Length, Size                    int64
	Served, TimedOut, Left, Refused uint64
	Wait                            *Histogram // of those served
}

// Storage is the state of what keeps a pool's runtime changes.
type Storage struct {
	Up        bool      // the last attempt to read or to write was well
	LastSync  time.Time // when it was read last; zero for never
	Instances int       // that share the pool
	Current   int       // of them, with the same changes in force as this one
}

// Backend is the state of a backend at one moment.
type Backend struct {
	ID         string
	State      string
	AdminState string
	Up         bool // nothing that health checks have seen keeps it out
	Accepting  bool

	Weight          int
	EffectiveWeight float64 // less while it starts slowly
	MaxRequests     int64   // 0: no limit
	InFlight        int64
	Tunnels         int64
	Failures        uint64
	Ejections       uint64
	StateChanges    uint64

	Classes *Classes
	Probes  *Probes
	Times   *Times // nil: they are with the pool's
}
