package balancer

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool/pooltest"
)

func TestRoundRobinAdaptation(t *testing.T) {
	testAdaptation(t, []adaptation{
		{input: `round_robin`, json: `{"policy": "round_robin"}`},
		{input: "round_robin {\n}", json: `{"policy": "round_robin"}`},
		{input: `round_robin 1`, err: "wrong argument count"},
	})
}

// order picks n times and spells the members as letters.
func order(t *testing.T, p pool.Picker, n int) string {
	t.Helper()
	var b strings.Builder
	for range n {
		m := p.Pick(new(pool.Request))
		if m == nil {
			b.WriteByte('-')
			continue
		}
		b.WriteByte('a' + byte(m.Index))
		release(p, m)
	}
	return b.String()
}

func TestRoundRobinOrder(t *testing.T) {
	tests := []struct {
		weights []int
		want    string
	}{
		{[]int{1}, "aaa"},
		{[]int{7, 7, 7}, "abcabc"},
		{[]int{2, 1}, "abaaba"},
		{[]int{5, 1, 1}, "abaaacaabaaaca"},
		{[]int{1000, 500, 500}, "abacabac"},
		{[]int{4, 3, 2, 1}, "abcabdacba"},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.weights), func(t *testing.T) {
			p := RoundRobin{}.NewPicker(pooltest.Members(t, test.weights...), nil)
			if got := order(t, p, len(test.want)); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// TestRoundRobinShares checks exact shares over any window of as many picks as
// the weights add up to, wherever it begins.
func TestRoundRobinShares(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, shape := range []struct{ members, heaviest, rounds int }{
		{3, 5, 20}, {5, 1000, 10}, {40, 20, 10}, {300, 1000, 3}, {10_000, 3, 2}, {10_000, 1000, 1},
	} {
		t.Run(fmt.Sprintf("%d up to %d", shape.members, shape.heaviest), func(t *testing.T) {
			for range shape.rounds {
				weights := make([]int, shape.members)
				sum := 0
				for i := range weights {
					weights[i] = 1 + rng.IntN(shape.heaviest)
					sum += weights[i]
				}
				p := RoundRobin{}.NewPicker(pooltest.Members(t, weights...), nil)
				s := p.(*rotation).schedule
				for _, start := range []uint64{0, rng.Uint64N(1 << 40)} {
					counts := make([]int, len(weights))
					for turn := range uint64(sum) {
						counts[s.at(start+turn)]++
					}
					if !slices.Equal(counts, weights) {
						t.Fatalf("from %d: shares %v, weights %v", start, counts, weights)
					}
				}
			}
		})
	}
}

// TestRoundRobinIsSmooth checks that at any time each member has had its share
// of all turns so far, up to a few turns.
func TestRoundRobinIsSmooth(t *testing.T) {
	tests := map[string]struct {
		weights []int
		most    float64 // turns ahead or behind
		kind    string
	}{
		"one heavy":       {append(equalWeights(99), 100), 1, "table"},
		"few":             {[]int{500, 300, 200, 7}, 1, "table"},
		"all different":   {ascending(100), 2, "table"},
		"two heavy, many": {append(equalWeights(5000), 1000, 999), 1, "table"},
		"too many":        {mixedWeights(300), 5, "line"},
		"far too many":    {mixedWeights(10_000), 5, "line"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSchedule(pooltest.Members(t, test.weights...))
			if kind := map[bool]string{true: "table", false: "line"}[s.table != nil]; kind != test.kind {
				t.Errorf("the schedule is a %s, not a %s", kind, test.kind)
			}
			counts := make([]float64, len(test.weights))
			worst := 0.0
			for turn := range s.period {
				i := s.at(turn)
				due := float64(turn) * float64(test.weights[i]) / float64(s.period)
				worst = max(worst, due-counts[i]) // before its turn: behind most
				counts[i]++
				worst = max(worst, counts[i]-due-float64(test.weights[i])/float64(s.period)) // ahead most
			}
			if worst > test.most {
				t.Errorf("%.2f turns ahead or behind, want at most %.0f", worst, test.most)
			}
			t.Logf("%.2f turns ahead or behind", worst)
		})
	}
}

func ascending(n int) []int {
	weights := make([]int, n)
	for i := range weights {
		weights[i] = i + 1
	}
	return weights
}

func TestRoundRobinSharesWithOneDown(t *testing.T) {
	policy := newPolicy(t, `{"policy": "round_robin"}`)
	specs := []pool.Spec{pooltest.Spec(t, 0, 5), pooltest.Spec(t, 1, 1), pooltest.Spec(t, 2, 1)}
	p := seededPool(t, policy, specs...)
	if got := shares(t, p, 70); got["b0"] != 50 || got["b1"] != 10 || got["b2"] != 10 {
		t.Errorf("all up: %v", got)
	}
	if err := p.Patch("b0", pool.Patch{AdminState: ptr(pool.Maintenance)}, pool.Options{}); err != nil {
		t.Fatal(err)
	}
	if got := shares(t, p, 70); got["b1"] != 35 || got["b2"] != 35 {
		t.Errorf("the first in maintenance: %v", got)
	}
}

func ptr[T any](v T) *T { return &v }

// shares counts who gets requests of a pool.
func shares(t *testing.T, p *pool.Pool, requests int) map[string]int {
	t.Helper()
	counts := make(map[string]int)
	for range requests {
		m, err := p.Acquire(new(pool.Request))
		if err != nil {
			t.Fatal(err)
		}
		counts[m.ID()]++
		m.Release()
	}
	return counts
}

// TestRoundRobinSharesWithOneFull: a member that refuses all the time leaves
// the others the shares that they would have without it.
func TestRoundRobinSharesWithOneFull(t *testing.T) {
	specs := []pool.Spec{pooltest.Spec(t, 0, 5), pooltest.Spec(t, 1, 2), pooltest.Spec(t, 2, 1)}
	specs[0].MaxRequests = 1
	members := pooltest.MembersOf(t, specs...)
	p := RoundRobin{}.NewPicker(members, nil)
	fill(p, members, 1, 2)
	if got := count(t, p, new(pool.Request), members, 300); !slices.Equal(got, []int{0, 200, 100}) {
		t.Errorf("got %v", got)
	}
}

func TestRoundRobinGoesOnOverRebuilds(t *testing.T) {
	members := pooltest.Members(t, 1, 1, 1)
	var p pool.Picker
	var got strings.Builder
	for range 7 {
		p = RoundRobin{}.NewPicker(members, p)
		got.WriteString(order(t, p, 1))
	}
	if got.String() != "abcabca" {
		t.Errorf("got %s", got.String())
	}
	before := p.(*rotation)
	p = (&WeightedRoundRobin{}).NewPicker(pooltest.Members(t, 1, 1, 1), p)
	if p.(*rotation).schedule != before.schedule {
		t.Error("the schedule was made again for the same weights")
	}
	p = RoundRobin{}.NewPicker(pooltest.Members(t, 2, 1, 1), p)
	if got := p.(*rotation); got.schedule == before.schedule || got.turn != before.turn {
		t.Error("the schedule is for other weights, or the turns began again")
	}
}

// TestRoundRobinSharesUnderContention: every turn is given to one request.
func TestRoundRobinSharesUnderContention(t *testing.T) {
	const goroutines, rounds = 8, 700
	members := pooltest.Members(t, 5, 1, 1)
	p := RoundRobin{}.NewPicker(members, nil)
	var mu sync.Mutex
	total := make([]int, 3)
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			got := count(t, p, new(pool.Request), members, rounds)
			mu.Lock()
			defer mu.Unlock()
			for i := range got {
				total[i] += got[i]
			}
		})
	}
	wg.Wait()
	if !slices.Equal(total, []int{4000, 800, 800}) {
		t.Errorf("got %v", total)
	}
}

func BenchmarkRoundRobin(b *testing.B) { benchmarkPolicy(b, `{"policy": "round_robin"}`) }

// BenchmarkScheduleAtItsLimit makes the table that costs most.
func BenchmarkScheduleAtItsLimit(b *testing.B) {
	weights := make([]int, 0, 64)
	for i := range 64 {
		weights = append(weights, 480+i)
	}
	members := pooltest.Members(b, weights...)
	if s := newSchedule(members); s.table == nil {
		b.Fatalf("no table for a period of %d", s.period)
	}
	for b.Loop() {
		newSchedule(members)
	}
}
