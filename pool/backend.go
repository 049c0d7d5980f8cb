package pool

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/metrics"
)

// cacheLine is the size that keeps counters of different backends apart; twice
// the line size, as processors fetch lines in pairs.
const cacheLine = 128

// Backend is the live state of one server of a pool. It lives as long as the
// pool lists a backend with its id and address, over config reloads.
type Backend struct {
	id      string
	address config.Address
	text    string    // address, as text
	key     uint64    // hash of the id
	since   time.Time // when it joined the pool
	late    bool      // joined a pool that was already serving, at runtime
	cold    bool      // joined a pool that was already serving, however it came

	_ [cacheLine]byte
	// what every request writes
	inFlight atomic.Int64
	requests atomic.Uint64
	latency  atomic.Int64 // ns, smoothed
	waiting  atomic.Int64 // requests that it is up to the backend to answer
	speed    speed
	classes  metrics.Classes // of attempts that ended
	// what every request reads: the ticket of the first one that waits for this
	// backend alone; 0: none does
	awaited  atomic.Uint64
	emptying atomic.Bool // the end of the last request is waited for
	_        [cacheLine]byte
	// what few requests write
	failures atomic.Uint64
	tunnels  atomic.Int64
	tally    tally
	visited  atomic.Int64           // by a client that has a session: in seconds, 0 for never
	member   atomic.Pointer[Member] // of the pool's current snapshot

	ejected atomic.Bool // is out, at once; not in again before the snapshot says so

	attachment atomic.Value
	mu         sync.Mutex
	lastCheck  Check
	gate       *tunnelGate // of tunnels that are open; nil: none yet

	// guarded by the pool's mutex
	cond      condition
	carrier   carrier
	changedAt time.Time // of the accepting state
	announced state
	cameIn    time.Time // when it began to take requests again; zero: always has
	drain     drain
	leaving   leaving        // while it is parked
	times     *metrics.Times // nil: the pool was always too large for that
}

// identity is what makes a backend another one than the next.
type identity struct {
	id      string
	address config.Address
}

func (b *Backend) identity() identity { return identity{b.id, b.address} }

// Check is the result of one probe, for people to see.
type Check struct {
	At       time.Time
	Duration time.Duration
	OK       bool
	Text     string // what was seen: a status, or an error
}

func newBackend(spec *Spec, late, cold bool, now time.Time) *Backend {
	return &Backend{
		id: spec.ID, address: spec.Address, text: spec.Address.String(),
		key: xxhash.Sum64String(spec.ID), since: now, late: late, cold: cold,
		cond: condition{admin: Ready, health: Unknown}, changedAt: now,
	}
}

// ID returns the backend's id, unique in its pool.
func (b *Backend) ID() string { return b.id }

// Address returns the backend's address.
func (b *Backend) Address() config.Address { return b.address }

// AddressText returns the canonical spelling of the backend's address.
func (b *Backend) AddressText() string { return b.text }

// InFlight returns the number of requests in flight to the backend.
func (b *Backend) InFlight() int64 { return b.inFlight.Load() }

// Tunnels returns the number of upgraded connections to the backend.
func (b *Backend) Tunnels() int64 { return b.tunnels.Load() }

// Latency returns the smoothed time to the head of a response, 0 if unknown.
func (b *Backend) Latency() time.Duration { return time.Duration(b.latency.Load()) }

// RecordCheck remembers the result of the last probe.
func (b *Backend) RecordCheck(c Check) {
	b.mu.Lock()
	b.lastCheck = c
	b.mu.Unlock()
}

// LastCheck returns the result of the last probe; its At is zero if there was
// none.
func (b *Backend) LastCheck() Check {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lastCheck
}

// Attachment returns the value that an observer keeps with the backend, made
// by create on first use. It lives as long as the backend does. Without create
// it returns nil if there is none.
func (b *Backend) Attachment(create func() any) any {
	if a := b.attachment.Load(); a != nil || create == nil {
		return a
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.attachment.Load() == nil {
		b.attachment.Store(create())
	}
	return b.attachment.Load()
}

// awaitedBefore reports whether a request waits for the backend alone that came
// before the one with the ticket.
func (b *Backend) awaitedBefore(ticket uint64) bool {
	first := b.awaited.Load()
	return first != 0 && (ticket == 0 || first < ticket)
}

// reserve takes a slot if there are fewer than limit, or no limit (0).
func (b *Backend) reserve(limit int64) bool {
	if limit <= 0 {
		b.inFlight.Add(1)
		return true
	}
	for {
		n := b.inFlight.Load()
		if n >= limit {
			return false
		}
		if b.inFlight.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// observeLatency smooths d into the backend's latency: an exponentially
// weighted moving average, new = old + (d - old)/8, as TCP smooths its round
// trip time (RFC 6298, section 2). Lost updates under contention do no harm.
func (b *Backend) observeLatency(d time.Duration) {
	old := b.latency.Load()
	if old == 0 {
		b.latency.Store(max(int64(d), 1))
		return
	}
	b.latency.Store(max(old+(int64(d)-old)/8, 1))
}
