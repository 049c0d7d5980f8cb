package balancer

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool/pooltest"
)

func TestLeastConnAdaptation(t *testing.T) {
	testAdaptation(t, []adaptation{
		{input: `least_conn`, json: `{"policy": "least_conn"}`},
		{input: `least_conn 1`, err: "wrong argument count"},
	})
}

func TestLeastConnOrder(t *testing.T) {
	for _, n := range []int{3, 100} { // looked at one by one, and in a tree
		members := pooltest.Members(t, equalWeights(n)...)
		p := LeastConn{}.NewPicker(members, nil)
		var q pool.Request
		for round := range 3 {
			for want := range n {
				if got := index(p.Pick(&q)); got != want {
					t.Fatalf("%d members, round %d: got %d, want %d", n, round, got, want)
				}
			}
		}
		release(p, members[1])
		if got := index(p.Pick(&q)); got != 1 {
			t.Errorf("%d members: got %d, want 1, which has one less", n, got)
		}
		if got := index(p.Pick(&q)); got != 2 {
			t.Errorf("%d members: got %d, want 2, whose turn it is among equals", n, got)
		}
	}
}

func TestLeastConnByWeight(t *testing.T) {
	members := pooltest.Members(t, 3, 1)
	p := LeastConn{}.NewPicker(members, nil)
	// (0+1)/3, (1+1)/3, then (2+1)/3 against (0+1)/1 in turns
	if got := []int{index(p.Pick(&pool.Request{})), index(p.Pick(&pool.Request{})), index(p.Pick(&pool.Request{})), index(p.Pick(&pool.Request{}))}; fmt.Sprint(got) != "[0 0 1 0]" {
		t.Errorf("got %v", got)
	}
}

// leastModel is least_conn as its definition says it, over all members.
type leastModel struct {
	weights, limits, loads []int
	turn                   int
}

func (s *leastModel) pick(tried map[int]bool) int {
	best := -1
	n := len(s.weights)
	for off := range n {
		i := (s.turn + off) % n
		if tried[i] || s.limits[i] > 0 && s.loads[i] >= s.limits[i] {
			continue
		}
		if best < 0 || (s.loads[i]+1)*s.weights[best] < (s.loads[best]+1)*s.weights[i] {
			best = i
		}
	}
	if best >= 0 {
		s.loads[best]++
		s.turn = best + 1
	}
	return best
}

// TestLeastConnAgainstModel runs random sequences of picks, with and without
// tried members, and releases, with members at their limits, over rebuilds.
func TestLeastConnAgainstModel(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 0))
		n := []int{1, 2, 3, 16, 17, 31, 64, 100}[rng.IntN(8)]
		model := &leastModel{weights: make([]int, n), limits: make([]int, n), loads: make([]int, n)}
		specs := make([]pool.Spec, n)
		for i := range specs {
			model.weights[i] = 1 + rng.IntN([]int{1, 3, 1000}[seed%3])
			model.limits[i] = rng.IntN(4)
			specs[i] = pooltest.Spec(t, i, model.weights[i])
			specs[i].MaxRequests = model.limits[i]
		}
		members := pooltest.MembersOf(t, specs...)
		p := LeastConn{}.NewPicker(members, nil)
		var held []int
		for step := range 1500 {
			switch what := rng.IntN(100); {
			case what == 0:
				p = LeastConn{}.NewPicker(members, p)
			case what < 45 && len(held) > 0:
				at := rng.IntN(len(held))
				i := held[at]
				held[at] = held[len(held)-1]
				held = held[:len(held)-1]
				model.loads[i]--
				release(p, members[i])
			default:
				var q pool.Request
				tried := make(map[int]bool)
				for range rng.IntN(12) * rng.IntN(2) {
					i := rng.IntN(n)
					tried[i] = true
					q.MarkTried(members[i].Backend)
				}
				want := model.pick(tried)
				if got := index(p.Pick(&q)); got != want {
					t.Fatalf("seed %d, %d members, step %d: got %d, want %d", seed, n, step, got, want)
				}
				if want >= 0 {
					held = append(held, want)
				}
			}
		}
		if tree, ok := p.(*loadTree); ok {
			treeAgrees(t, tree)
		}
	}
}

// treeAgrees checks every node of a tree at rest.
func treeAgrees(t *testing.T, tree *loadTree) {
	t.Helper()
	for i, m := range tree.members {
		if got, want := tree.load(0, i), rankWith(m); got != want {
			t.Fatalf("leaf %d is %x, want %x", i, got, want)
		}
	}
	for level := 1; level < len(tree.levels); level++ {
		for i := range len(tree.levels[level-1]) / fan {
			if got, want := tree.load(level, i), tree.least(level, i); got != want {
				t.Fatalf("node %d of level %d is %x, want %x", i, level, got, want)
			}
		}
	}
}

// TestLeastConnUnderContention has goroutines pick, retry and release, and
// others refresh. Whenever all rest, the tree must agree with the members.
func TestLeastConnUnderContention(t *testing.T) {
	const goroutines, steps, rounds = 8, 1500, 5
	for _, n := range []int{17, 1000} {
		specs := make([]pool.Spec, n)
		for i := range specs {
			specs[i] = pooltest.Spec(t, i, 1+i%7)
			specs[i].MaxRequests = i % 4
		}
		members := pooltest.MembersOf(t, specs...)
		tree := LeastConn{}.NewPicker(members, nil).(*loadTree)
		for round := range rounds {
			var wg sync.WaitGroup
			for g := range goroutines {
				wg.Go(func() { work(tree, rand.New(rand.NewPCG(uint64(round), uint64(g))), steps) })
			}
			for range 3 {
				tree.Refresh()
			}
			wg.Wait()
			treeAgrees(t, tree)
		}
		for i, m := range members {
			if m.InFlight() != 0 {
				t.Errorf("member %d has %d requests at the end", i, m.InFlight())
			}
		}
	}
}

// work picks and releases at random and gives back everything at the end.
func work(p pool.Picker, rng *rand.Rand, steps int) {
	var held []*pool.Member
	drop := func() {
		last := len(held) - 1
		release(p, held[last])
		held = held[:last]
	}
	for range steps {
		if len(held) > 0 && rng.IntN(2) == 0 {
			drop()
			continue
		}
		var q pool.Request
		for range rng.IntN(3) {
			if m := p.Pick(&q); m != nil {
				q.MarkTried(m.Backend)
				held = append(held, m)
			}
		}
	}
	for len(held) > 0 {
		drop()
	}
}

// TestLeastConnSpreadsUnderContention: as many requests as members, at the same
// time, and the least load is hardly ever missed.
func TestLeastConnSpreadsUnderContention(t *testing.T) {
	const goroutines, each = 8, 1000
	for _, n := range []int{16, 1000} {
		members := pooltest.Members(t, equalWeights(n)...)
		p := LeastConn{}.NewPicker(members, nil)
		var wg sync.WaitGroup
		for range goroutines {
			wg.Go(func() {
				for range each {
					p.Pick(new(pool.Request))
				}
			})
		}
		wg.Wait()
		for i, m := range members {
			if off := m.InFlight() - goroutines*each/int64(n); off < -goroutines || off > goroutines {
				t.Errorf("%d members: member %d has %d requests", n, i, m.InFlight())
			}
		}
	}
}

// TestLeastConnInPool: the pool tells the picker of every release, and a
// picker that replaces another knows the loads.
func TestLeastConnInPool(t *testing.T) {
	const n = 50
	policy := newPolicy(t, `{"policy": "least_conn"}`)
	specs := make([]pool.Spec, n)
	for i := range specs {
		specs[i] = pooltest.Spec(t, i, 1)
	}
	p := seededPool(t, policy, specs...)
	var held []*pool.Member
	for range 3 * n {
		m, err := p.Acquire(new(pool.Request))
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, m)
	}
	if err := p.Patch("b7", pool.Patch{Weight: ptr(2)}, pool.Options{}); err != nil {
		t.Fatal(err)
	}
	for _, m := range held[:n] {
		m.Release()
	}
	treeAgrees(t, p.Snapshot().Tiers[0].Picker.(*loadTree))
	for _, want := range []string{"b7", "b7"} { // (2+1)/2, (3+1)/2 and first in turn, against (2+1)/1
		m, err := p.Acquire(new(pool.Request))
		if err != nil {
			t.Fatal(err)
		}
		if m.ID() != want {
			t.Errorf("got %s, want %s", m.ID(), want)
		}
		held = append(held, m)
	}
	for _, m := range held[n:] {
		m.Release()
	}
	treeAgrees(t, p.Snapshot().Tiers[0].Picker.(*loadTree))
}

// interrupted is least_conn with something that happens when a request has
// chosen its snapshot and not yet picked.
type interrupted struct {
	*loadTree
	happens func()
}

func (p *interrupted) Pick(q *pool.Request) *pool.Member {
	p.happens()
	return p.loadTree.Pick(q)
}

// interrupter makes such pickers.
type interrupter struct{ happens func() }

func (p *interrupter) NewPicker(members []*pool.Member, _ pool.Picker) pool.Picker {
	return &interrupted{newLoadTree(members, new(turn)), func() { p.happens() }}
}

// TestLeastConnPickedFromOldSnapshot: the newest picker learns of a pick that
// was made by the one before it.
func TestLeastConnPickedFromOldSnapshot(t *testing.T) {
	specs := specsOf(t, equalWeights(20))
	policy := &interrupter{happens: func() {}}
	p := seededPool(t, policy, specs...)
	policy.happens = func() {
		policy.happens = func() {}
		if err := p.Patch("b7", pool.Patch{Weight: ptr(2)}, pool.Options{}); err != nil {
			t.Error(err)
		}
	}
	old := p.Snapshot()
	m, err := p.Acquire(new(pool.Request))
	if err != nil {
		t.Fatal(err)
	}
	if old.Find(m.ID()) != m {
		t.Fatal("the pick was not made by the old picker")
	}
	newest := p.Snapshot().Tiers[0].Picker.(*interrupted).loadTree
	treeAgrees(t, newest)
	m.Release()
	treeAgrees(t, newest)
}

func TestLoad(t *testing.T) {
	of := func(count, weight uint64) load { return load(count<<32 | weight) }
	ascending := []load{of(1, 1000), of(1, 3), of(2, 5), of(1, 2), of(1, 1), of(4000000000, 1), noRoom}
	for i, a := range ascending {
		for j, b := range ascending {
			if a.less(b) != (i < j) {
				t.Errorf("%x less than %x: %t", a, b, a.less(b))
			}
		}
	}
	if of(2, 4).less(of(1, 2)) || of(1, 2).less(of(2, 4)) {
		t.Error("2/4 and 1/2 differ")
	}
}

// TestRankOrder compares ranks with the fractions that they stand for, also with
// those that are as near to each other as can be.
func TestRankOrder(t *testing.T) {
	const heaviest = 1<<16 - 1
	rng := rand.New(rand.NewPCG(8, 8))
	for range 200_000 {
		v, w := 1+rng.Uint64N(heaviest), 1+rng.Uint64N(heaviest)
		count := 1 + rng.Uint64N(1<<rng.IntN(32))
		for _, other := range []uint64{1 + rng.Uint64N(1<<32-1), count * w / v, count*w/v + 1} {
			if other == 0 || other >= 1<<32 {
				continue
			}
			a, b := rankOf(count, v), rankOf(other, w)
			if left, right := count*w, other*v; (a < b) != (left < right) || (a == b) != (left == right) {
				t.Fatalf("%d/%d and %d/%d have the ranks %x and %x", count, v, other, w, a, b)
			}
		}
	}
	if a, b := rankOf(heaviest-1, heaviest), rankOf(heaviest-2, heaviest-1); a <= b {
		t.Errorf("the nearest have the ranks %x and %x", a, b)
	}
	if rankOf(math.MaxUint32, 1) >= full {
		t.Error("many requests are taken for no room")
	}
}

func TestRankAfterOneMore(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	members := pooltest.Members(t, mixedWeights(1000)...)
	for range 100_000 {
		m := members[rng.IntN(len(members))]
		weight, count := uint64(m.Weight), 1+rng.Uint64N(1<<rng.IntN(32))
		if got, want := rankOf(count, weight).oneMore(m), rankOf(min(count+1, math.MaxUint32), weight); got != want {
			t.Fatalf("(%d+1)/%d: %x, want %x", count, weight, got, want)
		}
	}
}

func BenchmarkLeastConn(b *testing.B) { benchmarkPolicy(b, `{"policy": "least_conn"}`) }

// BenchmarkLeastConnLoaded picks while every member has requests in flight, so
// that changes go up the tree further.
func BenchmarkLeastConnLoaded(b *testing.B) {
	for _, n := range sizes {
		members := pooltest.Members(b, equalWeights(n)...)
		rng := rand.New(rand.NewPCG(1, 1))
		for _, m := range members {
			hold(m, rng.IntN(5))
		}
		benchmarkPicker(b, fmt.Sprint(n), LeastConn{}.NewPicker(members, nil))
	}
}
