package discovery

import (
	"context"
	"reflect"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// settleTime is how long an answer waits for those of other lookups that are
// under way, so that they reach the pool as one change.
const settleTime = 100 * time.Millisecond

// forever is longer than anything that the loop waits for.
const forever = 24 * time.Hour

// loop asks the lookups of one source, each at its time, and hands what is
// known to the pool. All of it but ask runs in one goroutine.
type loop struct {
	pool   *pool.Pool
	key    string
	log    *zap.Logger
	random func() float64
	asked  func() // called once every lookup has ended once

	lookups  []Lookup
	memories []*memory // one for each lookup
	due      []time.Time
	busy     []bool
	inFlight int
	results  chan result

	published []pool.Spec
	everSaid  bool      // published counts
	pending   bool      // something was learnt since
	settle    time.Time // when it is published at the latest
}

// result is what a lookup returned.
type result struct {
	index int
	found []config.Backend
	err   error
}

// reset makes the loop ready to run with what is known of its lookups.
func (l *loop) reset(memories []*memory) {
	l.memories = memories
	l.due = make([]time.Time, len(l.lookups)) // all at once
	l.busy = make([]bool, len(l.lookups))
	l.results = make(chan result, len(l.lookups))
	l.inFlight, l.published, l.everSaid = 0, nil, false
	l.pending = len(l.lookups) == 0 // or the first result will say so
}

func (l *loop) run(ctx context.Context) {
	defer l.breakOff()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		now := time.Now()
		l.ask(ctx, now)
		l.publish(now)
		timer.Reset(l.idle(now))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case r := <-l.results:
			l.inFlight--
			if ctx.Err() != nil {
				return // the lookup was broken off: that says nothing
			}
			l.learn(r, time.Now())
		}
	}
}

// ask starts the lookups that are due.
func (l *loop) ask(ctx context.Context, now time.Time) {
	for i := range l.lookups {
		if l.busy[i] || l.due[i].After(now) {
			continue
		}
		l.busy[i] = true
		l.inFlight++
		go func(results chan<- result) {
			ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
			defer cancel()
			found, err := l.lookups[i].Find(ctx)
			results <- result{index: i, found: found, err: err} // has room for all
		}(l.results)
	}
}

// learn takes in what a lookup returned.
func (l *loop) learn(r result, now time.Time) {
	m, lookup := l.memories[r.index], &l.lookups[r.index]
	l.busy[r.index] = false
	was := *m
	specs, leftOut, err := judge(r)
	m.learn(specs, err)
	if m.cond == answered {
		m.leftOut = leftOut
	}
	wait := lookup.delay(m.failures, l.random())
	l.due[r.index] = now.Add(wait)
	l.report(lookup.Name, was, m, err, wait)
	if !l.pending {
		l.pending, l.settle = true, now.Add(settleTime)
	}
}

// breakOff waits for the lookups that are under way to end, as they should at
// once; but not for ever, lest one of them holds up a reload.
func (l *loop) breakOff() {
	patience := time.NewTimer(time.Second)
	defer patience.Stop()
	for ; l.inFlight > 0; l.inFlight-- {
		select {
		case <-l.results:
		case <-patience.C:
			return
		}
	}
}

// publish hands what is known to the pool, if there is news. As long as nothing
// is known at all, it waits for the last lookup.
func (l *loop) publish(now time.Time) {
	if !l.pending {
		return
	}
	var lists [][]pool.Spec
	for _, m := range l.memories {
		lists = append(lists, m.known)
	}
	specs := unique(concat(lists))
	if l.inFlight > 0 && (l.settle.After(now) || len(specs) == 0) {
		return
	}
	l.pending = false
	if !l.everSaid || !reflect.DeepEqual(specs, l.published) {
		l.published, l.everSaid = specs, true
		l.pool.SetDiscovered(l.key, specs)
	}
	if l.inFlight == 0 {
		l.asked()
	}
}

// idle returns how long there is nothing to do.
func (l *loop) idle(now time.Time) time.Duration {
	next := now.Add(forever)
	for i, due := range l.due {
		if !l.busy[i] && due.Before(next) {
			next = due
		}
	}
	if l.pending && l.settle.After(now) && l.settle.Before(next) {
		next = l.settle
	}
	return next.Sub(now)
}

func concat(lists [][]pool.Spec) []pool.Spec {
	var all []pool.Spec
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}
