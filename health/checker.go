package health

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// DefaultMaxConcurrent is how many probes run at once unless said otherwise.
// Most probes take milliseconds, so this matters only when very many backends
// do not answer at all: then probes are late rather than more at a time.
const DefaultMaxConcurrent = 1024

// Options of a [Checker]. The zero value is usable.
type Options struct {
	// Logger takes the debug messages of probes. Default: none.
	Logger *zap.Logger

	// MaxConcurrent bounds the probes that run at the same time, and with
	// them goroutines and sockets. Default: [DefaultMaxConcurrent].
	MaxConcurrent int

	// Rand returns a number in [0, 1), for jitter; it may be called
	// concurrently. Default: the runtime's generator.
	Rand func() float64

	// OnProbe is called after every probe that said something about the
	// backend or this machine, on the probe's goroutine. May be nil.
	OnProbe func(poolName string, b *pool.Backend, c pool.Check)
}

// Checker probes the backends of any number of pools. It has goroutines only
// while probes run, at most one for each, and one timer while it watches
// anything at all. It implements [pool.Monitor].
type Checker struct {
	max     int
	rand    func() float64
	onProbe func(string, *pool.Backend, pool.Check)
	logger  atomic.Pointer[zap.Logger]
	workers sync.WaitGroup

	mu      sync.Mutex
	pools   map[*pool.Pool]map[*pool.Backend]*target
	queue   queue // targets which are not being probed, by time
	running int   // probes
	watches uint64
	timer   *time.Timer
	wakeAt  time.Time // when timer fires; zero if it does not
	stopped bool
}

// NewChecker returns a checker that watches nothing yet.
func NewChecker(opts Options) *Checker {
	c := &Checker{
		max: opts.MaxConcurrent, rand: opts.Rand, onProbe: opts.OnProbe,
		pools: make(map[*pool.Pool]map[*pool.Backend]*target),
	}
	if c.max <= 0 {
		c.max = DefaultMaxConcurrent
	}
	if c.rand == nil {
		c.rand = rand.Float64
	}
	c.SetLogger(opts.Logger)
	return c
}

// SetLogger replaces the logger, as loggers end with the config that they are
// from. nil turns logging off.
func (c *Checker) SetLogger(logger *zap.Logger) {
	if logger == nil {
		logger = zap.NewNop()
	}
	c.logger.Store(logger)
}

// Watch implements [pool.Monitor]. A backend that is new, or whose settings
// have changed, is probed at once, before all that are due; with changed
// settings it keeps its state and counts. A probe under way for settings that
// no longer hold is cancelled and counts as nothing.
func (c *Checker) Watch(p *pool.Pool, targets []pool.Target) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return
	}
	c.watches++
	watched := c.pools[p]
	if watched == nil {
		watched = make(map[*pool.Backend]*target, len(targets))
		c.pools[p] = watched
	}
	for i := range targets {
		c.watchOne(p, watched, &targets[i])
	}
	for _, t := range watched {
		if t.watch != c.watches {
			c.unwatch(t)
		}
	}
	if len(watched) == 0 {
		delete(c.pools, p)
	}
	c.dispatch(time.Now())
}

func (c *Checker) watchOne(p *pool.Pool, watched map[*pool.Backend]*target, w *pool.Target) {
	t := watched[w.Backend]
	switch {
	case t == nil:
		t = &target{pool: p, backend: w.Backend, state: unknown, index: notQueued}
		watched[w.Backend] = t
	case t.gone: // back before its cancelled probe has ended
		t.gone, t.state, t.reason, t.failed = false, unknown, "", 0
	case sameSettings(&t.settings, &w.Settings):
		t.connector, t.prober, t.watch = w.Connector, nil, c.watches
		return
	}
	t.settings, t.connector, t.prober, t.watch = w.Settings, w.Connector, nil, c.watches
	t.due, t.fresh = time.Time{}, true
	if t.running {
		t.abandon() // queued again when it has ended
		return
	}
	c.queue.put(t)
}

// unwatch forgets the target, once its probe has ended.
func (c *Checker) unwatch(t *target) {
	t.gone = true
	c.queue.remove(t)
	if t.running {
		t.abandon()
		return
	}
	c.forget(t)
}

func (c *Checker) forget(t *target) {
	watched := c.pools[t.pool]
	delete(watched, t.backend)
	if len(watched) == 0 {
		delete(c.pools, t.pool)
	}
}

// Stop cancels all probes, waits for them to end, and makes the checker ignore
// all further calls of Watch. It must not be called by OnProbe, nor while a
// pool is locked.
func (c *Checker) Stop() {
	c.mu.Lock()
	c.stopped = true
	for _, watched := range c.pools {
		for _, t := range watched {
			c.unwatch(t)
		}
	}
	c.wakeUp(time.Now())
	c.mu.Unlock()
	c.workers.Wait()
}

var _ pool.Monitor = (*Checker)(nil)
