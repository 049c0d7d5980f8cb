package pool

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// entered returns n requests that are active in p.
func entered(p *Pool, n int) []*Request {
	list := make([]*Request, n)
	for i := range list {
		list[i] = new(Request)
		p.Enter(list[i])
	}
	return list
}

// allowed returns how many of the requests may be retried at once.
func allowed(p *Pool, list []*Request) (n int) {
	for _, q := range list {
		if p.AllowRetry(q) {
			n++
		}
	}
	return n
}

func TestRetryBudget(t *testing.T) {
	for _, c := range []struct {
		name         string
		budget       *config.RetryBudget
		active, want int
	}{
		{"default, few", nil, 5, 3},
		{"default, fewer than the minimum", nil, 2, 2},
		{"default, many", nil, 200, 40},
		{"default, not a whole number", nil, 29, 5},
		{"percent alone", &config.RetryBudget{Percent: ptr(50)}, 100, 50},
		{"minimum alone", &config.RetryBudget{MinConcurrent: ptr(30)}, 100, 30},
		{"minimum of none", &config.RetryBudget{Percent: ptr(10), MinConcurrent: ptr(0)}, 9, 0},
		{"none", &config.RetryBudget{Percent: ptr(0), MinConcurrent: ptr(0)}, 100, 0},
		{"no limit", &config.RetryBudget{Percent: ptr(100), MinConcurrent: ptr(0)}, 100, 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			def := define(t, "a:1")
			def.RetryBudget = c.budget
			p := newTestPool(t, nil, def)
			list := entered(p, c.active)
			if got := allowed(p, list); got != c.want {
				t.Errorf("%d of %d requests are retried, want %d", got, c.active, c.want)
			}
			for _, q := range list {
				p.Leave(q)
				p.Leave(q) // once more does nothing
			}
			if n, r := p.budget.activeNow(), p.budget.retrying.Load(); n != 0 || r != 0 {
				t.Errorf("%d active, %d retrying after the end", n, r)
			}
		})
	}
}

// A request that asks again keeps its place, or loses it if there are fewer.
func TestRetryBudgetAskedAgain(t *testing.T) {
	p := newTestPool(t, nil, define(t, "a:1"))
	list := entered(p, 50)
	if n := allowed(p, list); n != 10 {
		t.Fatalf("%d places", n)
	}
	for range 3 {
		if n := allowed(p, list[:10]); n != 10 {
			t.Errorf("%d of 10 places are kept", n)
		}
	}
	for _, q := range list[10:] {
		p.Leave(q)
	}
	if n := allowed(p, list[:10]); n != 3 {
		t.Errorf("%d of 10 active requests go on being retried, want 3", n)
	}
	if n := p.budget.retrying.Load(); n != 3 {
		t.Errorf("%d are counted", n)
	}
}

// The budget belongs to the pool, and a reload changes it in place.
func TestRetryBudgetOverReload(t *testing.T) {
	p := newTestPool(t, nil, define(t, "a:1"))
	list := entered(p, 100)
	if n := allowed(p, list); n != 20 {
		t.Fatalf("%d places", n)
	}
	def := define(t, "a:1")
	def.RetryBudget = &config.RetryBudget{Percent: ptr(30)}
	p.Commit("config 2", def)
	if n := allowed(p, list[20:]); n != 10 {
		t.Errorf("%d more places, want 10", n)
	}
}

// However many ask at once, there are never more than the limit.
func TestRetryBudgetIsExact(t *testing.T) {
	p := newTestPool(t, nil, define(t, "a:1"))
	const clients, rounds = 64, 500
	entered(p, 100) // so that the limit cannot be less than 20
	var now, most atomic.Int64
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for range rounds {
				var q Request
				p.Enter(&q)
				if p.AllowRetry(&q) {
					n := now.Add(1)
					for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
					}
					now.Add(-1)
				}
				p.Leave(&q)
			}
		})
	}
	wg.Wait()
	if n := most.Load(); n > (100+clients)/5 || n == 0 {
		t.Errorf("%d were retried at once", n)
	}
	if n, r := p.budget.activeNow(), p.budget.retrying.Load(); n != 100 || r != 0 {
		t.Errorf("%d active, %d retrying after the end", n, r)
	}
}

func TestRetryBudgetDoesNotAllocate(t *testing.T) {
	p := newTestPool(t, nil, define(t, "a:1"))
	var q Request
	if n := testing.AllocsPerRun(100, func() {
		p.Enter(&q)
		p.AllowRetry(&q)
		p.Leave(&q)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkEnterLeave(b *testing.B) {
	p := newTestPool(b, nil, define(b, "a:1"))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		var q Request
		for pb.Next() {
			p.Enter(&q)
			p.Leave(&q)
		}
	})
}

// What a retry asks does not depend on the number of backends.
func BenchmarkAllowRetry(b *testing.B) {
	p := newTestPool(b, nil, define(b, "a:1"))
	b.RunParallel(func(pb *testing.PB) {
		var q Request
		p.Enter(&q)
		for pb.Next() {
			p.AllowRetry(&q)
		}
		p.Leave(&q)
	})
}

// A backend that was tried already is the last resort, behind all tiers.
func TestRetryGoesToTheNextTier(t *testing.T) {
	def := define(t)
	def.Backends = []Spec{
		spec(t, config.Backend{Address: "a:1"}), spec(t, config.Backend{Address: "b:1"}),
		spec(t, config.Backend{Address: "spare:1", Priority: 1}),
	}
	p := newTestPool(t, nil, def)
	var q Request
	var order []string
	for range 4 {
		m, err := p.Acquire(&q)
		must(t, err)
		order = append(order, m.ID())
		q.MarkTried(m.Backend)
		m.Release()
	}
	if order[2] != "spare:1" || order[3] == "spare:1" {
		t.Errorf("tried %v, want the spare one third, and then one of the first tier", order)
	}
}

// Each retry that succeeds makes room for one more of those that wait, until one
// fails or none waits.
func TestRetryBudgetOpensWithSuccess(t *testing.T) {
	p := newTestPool(t, nil, define(t, "a:1"))
	list := entered(p, 10)
	room := func(want int) (taken []*Request) {
		t.Helper()
		for _, q := range list {
			if !q.retrying && p.AllowRetry(q) {
				taken = append(taken, q)
			}
		}
		if len(taken) != want {
			t.Errorf("room for %d retries, want %d", len(taken), want)
		}
		return taken
	}
	succeed := func(taken []*Request) {
		for _, q := range taken {
			p.RetrySucceeded(q)
			p.RetrySucceeded(q) // once more does nothing
		}
	}
	succeed(room(3))
	done := []func(){p.AwaitRetry(), p.AwaitRetry(), p.AwaitRetry(), p.AwaitRetry()}
	succeed(room(3)) // as nobody waited
	succeed(room(6))
	taken := room(7) // four wait
	p.Leave(taken[0])
	succeed(taken[1:])
	if n := p.budget.extra.Load(); n != 4 {
		t.Errorf("%d places more after a failure and six successes, want 4", n)
	}
	for _, done := range done {
		done()
	}
	room(3)
}

// What waits for its retry is no load that would allow more retries.
func TestRetryBudgetLeavesOutWhatRests(t *testing.T) {
	p := newTestPool(t, nil, define(t, "a:1"))
	list := entered(p, 100)
	for _, q := range list[:50] {
		p.Suspend(q)
	}
	if n := allowed(p, list); n != 10 {
		t.Errorf("%d retries of 50 active requests, want 10", n)
	}
	for _, q := range list[:50] {
		p.Resume(q)
	}
	for _, q := range list {
		p.Leave(q)
	}
	if n := p.budget.activeNow(); n != 0 {
		t.Errorf("%d active after the end", n)
	}
}
