package pool

import (
	"sync/atomic"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// activeShards is over how many counters the active requests of a pool are
// spread, so that not every request writes to the same cache line. It is a
// power of two.
const activeShards = 16

// retryBudget bounds how many requests of a pool are being retried at once, as
// a share of the active ones. When every attempt fails, retries can then add
// only that share to the load, however many each request may have; Envoy has
// the same under the name of retry budget.
//
// A request is active from when it comes in until it is answered or fails, but
// not while it waits for its next retry: there may be any number of those, and
// they are no load. It is being retried from the decision on, so while it waits
// as well, until the attempt is answered or has failed.
//
// Requests may wait until there is room. When the trouble is over there can be
// many, so each retry that succeeds makes room for one more at once, until one
// fails, as TCP opens its window.
type retryBudget struct {
	active   [activeShards]shard
	rule     atomic.Pointer[budgetRule]
	retrying atomic.Int64
	waiting  atomic.Int64 // requests, for room
	extra    atomic.Int64 // places, as retries have succeeded
	made     atomic.Uint64
	refused  atomic.Uint64
}

type shard struct {
	n atomic.Int64
	_ [cacheLine - 8]byte
}

// budgetRule says how many retries there may be.
type budgetRule struct{ percent, least int64 }

// defaultBudget is the rule of pools that set none.
var defaultBudget = budgetRule{config.DefaultRetryBudgetPercent, config.DefaultRetryBudgetMin}

func newBudgetRule(b *config.RetryBudget) *budgetRule {
	rule := defaultBudget
	if b != nil && b.Percent != nil {
		rule.percent = int64(*b.Percent)
	}
	if b != nil && b.MinConcurrent != nil {
		rule.least = int64(*b.MinConcurrent)
	}
	return &rule
}

// limit returns how many of the active requests may be retries, and false if
// there is no limit.
func (r budgetRule) limit(active int64) (n int64, limited bool) {
	return max(r.least, active*r.percent/100), r.percent < 100
}

// activeNow returns the number of active requests. It is exact when none comes
// or goes meanwhile.
func (b *retryBudget) activeNow() (n int64) {
	for i := range b.active {
		n += b.active[i].n.Load()
	}
	return n
}

// take reserves a place among the retries, or keeps the one that is held. It
// reports whether it could; if not, none is held any more.
func (b *retryBudget) take(held bool) bool {
	rule := &defaultBudget
	if r := b.rule.Load(); r != nil {
		rule = r
	}
	for {
		n := b.retrying.Load()
		others := n
		if held {
			others--
		}
		limit, limited := rule.limit(b.activeNow())
		limit += b.extra.Load()
		switch {
		case limited && others >= limit:
			if held {
				b.retrying.Add(-1)
			}
			return false
		case held || b.retrying.CompareAndSwap(n, n+1):
			return true
		}
	}
}

// Enter counts the request as active until Leave.
func (p *Pool) Enter(q *Request) {
	q.active = &p.budget.active[q.Uint64()%activeShards].n
	q.active.Add(1)
}

// Leave ends what Enter began, and the retry that goes on, which has failed
// unless [Pool.RetrySucceeded] was told otherwise. It may be called more than once.
func (p *Pool) Leave(q *Request) {
	if q.active != nil {
		q.active.Add(-1)
		q.active = nil
	}
	if q.retrying {
		p.budget.extra.Store(0)
		p.budget.retrying.Add(-1)
		q.retrying = false
	}
}

// RetrySucceeded ends the request's retry, if it is one.
func (p *Pool) RetrySucceeded(q *Request) {
	if !q.retrying {
		return
	}
	b := &p.budget
	if b.extra.Load() < b.waiting.Load() {
		b.extra.Add(1)
	}
	b.retrying.Add(-1)
	q.retrying = false
}

// Suspend has the request not be active until [Pool.Resume].
func (p *Pool) Suspend(q *Request) { q.active.Add(-1) }

// Resume ends what [Pool.Suspend] began.
func (p *Pool) Resume(q *Request) { q.active.Add(1) }

// AllowRetry reports whether the pool's retry budget has room for a retry of
// the request, which it is then taken to make. The one before has failed.
func (p *Pool) AllowRetry(q *Request) bool {
	if q.retrying {
		p.budget.extra.Store(0)
	}
	q.retrying = p.budget.take(q.retrying)
	return q.retrying
}

// AwaitRetry counts the request among those that wait for room in the budget,
// until the returned function is called.
func (p *Pool) AwaitRetry() (done func()) {
	b := &p.budget
	b.waiting.Add(1)
	return func() {
		if b.waiting.Add(-1) == 0 {
			b.extra.Store(0)
		}
	}
}

// CountRetry counts a retry that was made.
func (p *Pool) CountRetry() { p.budget.made.Add(1) }

// CountRefusedRetry counts a request that was not retried, or not any more,
// because there was no room in the budget.
func (p *Pool) CountRefusedRetry() { p.budget.refused.Add(1) }
