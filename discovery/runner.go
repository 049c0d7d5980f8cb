package discovery

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"

	"go.uber.org/zap"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// Runner keeps the pools of the process up to date with what their sources
// find.
//
// Every lookup is asked at once, and then at its own interval, give or take
// 10 %. A pool's discovered backends change only when answers do:
//
//   - A lookup that fails (no answer, a refusal, a server failure) changes
//     nothing, however long it fails: the last good answer holds. It is asked
//     again sooner: after 1 second, then 2, 4, … up to its interval.
//   - An answer that says there are no backends, such as NXDOMAIN, must come
//     twice in a row before it counts, as it is more often a mistake than
//     meant. Failures between the two neither confirm nor refute it.
//   - Any other answer replaces what that lookup had found before.
//
// What was found stays known over a config reload while the configuration of
// the source is the same.
type Runner struct {
	random func() float64 // within [0, 1)

	mu      sync.Mutex
	entries map[entryKey]*entry
}

type entryKey struct {
	pool   *pool.Pool
	source string
}

// entry is a source of a pool. Configs that overlap, as they do in a reload,
// share it; only the newest one asks.
type entry struct {
	runs     []*run // oldest first
	memories map[lookupKey]*memory
}

type lookupKey struct {
	name string
	nth  int
}

// run is the wish of one config to have its source asked.
type run struct {
	loop   *loop
	cancel context.CancelFunc
	ended  chan struct{} // closed when the loop has ended
	asked  chan struct{} // closed when every lookup has ended once
}

// NewRunner returns a runner that has nothing to do yet.
func NewRunner() *Runner {
	return &Runner{random: rand.Float64, entries: make(map[entryKey]*entry)}
}

// Start has the source asked for the pool's backends until stop is called. key
// is the [pool.Definition.Discovery] which stands for the source. Starting it
// again for the same pool and key, as the next config does in a reload, takes
// over what is known; once that is stopped, the earlier one goes on.
func (r *Runner) Start(p *pool.Pool, key string, src Source, log *zap.Logger) (stop func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := entryKey{p, key}
	e := r.entries[at]
	if e == nil {
		e = &entry{memories: make(map[lookupKey]*memory)}
		r.entries[at] = e
	}
	if n := len(e.runs); n > 0 {
		e.runs[n-1].halt()
	}
	this := &run{asked: make(chan struct{})}
	this.loop = &loop{
		pool: p, key: key, random: r.random, lookups: src.Lookups(),
		log:   log.With(zap.String("pool", p.Name())),
		asked: sync.OnceFunc(func() { close(this.asked) }),
	}
	e.runs = append(e.runs, this)
	e.launch(this)
	return sync.OnceFunc(func() { r.stop(at, this) })
}

func (r *Runner) stop(at entryKey, this *run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	this.halt()
	e := r.entries[at]
	newest := e.runs[len(e.runs)-1] == this
	e.runs = slices.DeleteFunc(e.runs, func(other *run) bool { return other == this })
	switch n := len(e.runs); {
	case n == 0:
		delete(r.entries, at)
	case newest:
		e.launch(e.runs[n-1])
	}
}

// Settle waits until every source has been asked once, whether or not it has
// answered, or ctx is done. A server that starts to listen after that need not
// refuse its first requests for want of backends.
func (r *Runner) Settle(ctx context.Context) {
	for _, run := range r.newest() {
		select {
		case <-run.asked:
		case <-ctx.Done():
			return
		}
	}
}

func (r *Runner) newest() []*run {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []*run
	for _, e := range r.entries {
		list = append(list, e.runs[len(e.runs)-1])
	}
	return list
}

// launch starts the loop of a run, with what the entry knows of its lookups.
func (e *entry) launch(this *run) {
	l := this.loop
	l.reset(e.recall(l.lookups))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	this.cancel, this.ended = cancel, ended
	go func() {
		defer close(ended)
		l.run(ctx)
	}()
}

// recall returns what is known of each lookup. Lookups of the same name, as in
// a source that asks several servers the same, are told apart by their order.
func (e *entry) recall(lookups []Lookup) []*memory {
	list := make([]*memory, len(lookups))
	times := make(map[string]int)
	for i := range lookups {
		name := lookups[i].Name
		times[name]++
		at := lookupKey{name, times[name]}
		if e.memories[at] == nil {
			e.memories[at] = new(memory)
		}
		list[i] = e.memories[at]
	}
	return list
}

// halt ends the loop of the run, if it is running, and waits for that.
func (r *run) halt() {
	r.cancel()
	<-r.ended
}
