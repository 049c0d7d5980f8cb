package balancer

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool/pooltest"
)

// owners returns the id of the member that each of many keys goes to.
func owners(members []*pool.Member, keys int) []string {
	r := newRing(members, nil)
	list := make([]string, keys)
	for key := range list {
		i := r.nearest(hashString(fmt.Sprint("key", key)), nil)
		list[key] = r.slots[i].ID()
	}
	return list
}

// specsOf returns backends with the ids b0, b1, … and these weights.
func specsOf(t testing.TB, weights []int) []pool.Spec {
	specs := make([]pool.Spec, len(weights))
	for i, w := range weights {
		specs[i] = pooltest.Spec(t, i, w)
	}
	return specs
}

// TestRingMovesOnlyKeysOfTheOneThatLeft, whatever the weights and the order of
// the others.
func TestRingMovesOnlyKeysOfTheOneThatLeft(t *testing.T) {
	for _, n := range []int{2, 3, 10, 100, 1000} {
		for kind, weights := range map[string][]int{"equal": equalWeights(n), "mixed": mixedWeights(n)} {
			specs := specsOf(t, weights)
			const keys = 10_000
			before := owners(pooltest.MembersOf(t, specs...), keys)
			left := n / 2
			rest := append(append([]pool.Spec{}, specs[left+1:]...), specs[:left]...)
			after := owners(pooltest.MembersOf(t, rest...), keys)
			moved := 0
			for key := range before {
				if before[key] == after[key] {
					continue
				}
				moved++
				if before[key] != specs[left].ID {
					t.Fatalf("%d members, %s: key %d moved from %s to %s when %s left", n, kind, key, before[key], after[key], specs[left].ID)
				}
			}
			t.Logf("%d members, %s: %.4f of keys moved", n, kind, float64(moved)/keys)
		}
	}
}

// TestRingMovesKeysOnlyToTheOneThatGrew: more weight takes keys, and gives
// none to others.
func TestRingMovesKeysOnlyToTheOneThatGrew(t *testing.T) {
	weights := mixedWeights(50)
	weights[20] = 100
	before := owners(pooltest.Members(t, weights...), 20_000)
	weights[20] = 900
	after := owners(pooltest.Members(t, weights...), 20_000)
	moved := 0
	for key := range before {
		if before[key] != after[key] {
			moved++
			if after[key] != "b20" {
				t.Fatalf("key %d moved from %s to %s", key, before[key], after[key])
			}
		}
	}
	if moved == 0 {
		t.Error("more weight took no keys")
	}
}

// TestRingShares measures how far shares of keys are from those by weight.
func TestRingShares(t *testing.T) {
	tests := map[string]struct {
		weights   []int
		deviation float64 // standard, as a part of the share
		worst     float64
	}{
		"two":         {equalWeights(2), 0.06, 0.08},
		"three":       {equalWeights(3), 0.05, 0.08},
		"ten":         {equalWeights(10), 0.05, 0.10},
		"hundred":     {equalWeights(100), 0.05, 0.20},
		"5:1:1":       {[]int{5, 1, 1}, 0.06, 0.10},
		"1000:100:10": {[]int{1000, 100, 10}, 0.15, 0.25},
		"mixed":       {mixedWeights(30), 0.15, 0.50},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			members := pooltest.Members(t, test.weights...)
			const keys = 100_000
			counts := make(map[string]int)
			for _, id := range owners(members, keys) {
				counts[id]++
			}
			sum := 0
			for _, w := range test.weights {
				sum += w
			}
			var squares, worst float64
			for i, w := range test.weights {
				off := float64(counts[members[i].ID()])*float64(sum)/float64(w)/keys - 1
				squares += off * off
				worst = max(worst, math.Abs(off))
			}
			deviation := math.Sqrt(squares / float64(len(members)))
			t.Logf("standard deviation %.3f, worst %.3f", deviation, worst)
			if deviation > test.deviation || worst > test.worst {
				t.Errorf("standard deviation %.3f, worst %.3f; want at most %.2f and %.2f", deviation, worst, test.deviation, test.worst)
			}
		})
	}
}

// TestRingAgainstDefinition compares the search with the least distance over
// all members, points and probes, with members left out.
func TestRingAgainstDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for _, n := range []int{1, 2, 5, 60} {
		members := pooltest.Members(t, mixedWeights(n)...)
		r := newRing(members, nil)
		for range 300 {
			hash := rng.Uint64()
			var refused []uint32
			for range min(n, 5) {
				got := r.nearest(hash, refused)
				if want := byDefinition(members, hash, refused); got != want {
					t.Fatalf("%d members, without %v: got %d, want %d", n, refused, got, want)
				}
				refused = append(refused, got)
			}
		}
	}
}

func byDefinition(members []*pool.Member, hash uint64, refused []uint32) uint32 {
	left := make(map[uint32]bool)
	for _, i := range refused {
		left[i] = true
	}
	best, least := uint32(0), math.Inf(1)
	for i, m := range members {
		if left[uint32(i)] {
			continue
		}
		for part := range pointsPerMember {
			at := pointIn(part, m.Key)
			for _, probe := range halves(hash, probes) {
				if d := float64(at-probe) / float64(m.Weight); d < least {
					best, least = uint32(i), d
				}
			}
		}
	}
	return best
}

func halves(hash uint64, n int) []uint32 {
	var list []uint32
	for i := range uint64(n / 2) {
		h := spread(hash, i)
		list = append(list, uint32(h>>32), uint32(h))
	}
	return list
}

// TestRingIsTheSameEverywhere pins where keys go: it must not change from one
// process, machine or release to the next.
func TestRingIsTheSameEverywhere(t *testing.T) {
	members := pooltest.Members(t, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
	got := fmt.Sprint(owners(members, 16))
	const want = "[b4 b6 b5 b6 b8 b7 b7 b7 b9 b5 b6 b4 b9 b6 b7 b8]"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestRingOrderWhenFull: keys of a full member go to different others, as if
// it had left.
func TestRingOrderWhenFull(t *testing.T) {
	specs := specsOf(t, equalWeights(8))
	specs[3].MaxRequests = 1
	full := pooltest.MembersOf(t, specs...)
	hold(full[3], 1)
	rest := pooltest.MembersOf(t, append(append([]pool.Spec{}, specs[:3]...), specs[4:]...)...)
	a, b := newRing(full, nil), newRing(rest, nil)
	var q pool.Request
	for key := range uint64(2000) {
		x, y := a.pick(&q, spread(key, 0)), b.pick(&q, spread(key, 0))
		if x.ID() != y.ID() {
			t.Fatalf("key %d: %s, without the full one %s", key, x.ID(), y.ID())
		}
	}
}

func TestRingIsInOrder(t *testing.T) {
	members := pooltest.Members(t, mixedWeights(2000)...)
	r := newRing(members, nil)
	for i := range r.layout.circles {
		c := &r.layout.circles[i]
		for p := 1; p < len(c.at)-1; p++ {
			if c.at[p-1] > c.at[p] {
				t.Fatalf("points of circle %d are not in order", i)
			}
		}
		for sector, start := range c.starts {
			if start > 0 && int(c.at[start-1]>>c.shift) >= sector {
				t.Fatalf("sector %d begins too late", sector)
			}
		}
	}
}

// TestRingOverRebuilds takes members away, brings them back, changes weights
// and order: whether the layout is kept or not, keys go where they go on a
// ring made from nothing.
func TestRingOverRebuilds(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	specs := specsOf(t, mixedWeights(60))
	present := append([]pool.Spec{}, specs...)
	var before *ring
	kept := 0
	for step := range 120 {
		switch what := rng.IntN(10); {
		case what < 5 && len(present) > 1:
			at := rng.IntN(len(present))
			present = append(present[:at:at], present[at+1:]...)
		case what < 8:
			present = append([]pool.Spec{}, specs...)
		case what == 8:
			present[rng.IntN(len(present))].Weight = 1 + rng.IntN(1000)
		default:
			rng.Shuffle(len(present), func(i, j int) { present[i], present[j] = present[j], present[i] })
		}
		members := pooltest.MembersOf(t, present...)
		next := newRing(members, before)
		if before != nil && next.layout == before.layout {
			kept++
		}
		fresh := newRing(members, nil)
		for key := range uint64(100) {
			hash := spread(key, uint64(step))
			a, b := next.slots[next.nearest(hash, nil)], fresh.slots[fresh.nearest(hash, nil)]
			if a != b {
				t.Fatalf("step %d: key %d goes to %s, and to %s on a new ring", step, key, a.ID(), b.ID())
			}
		}
		before = next
	}
	if kept < 20 || kept > 100 {
		t.Errorf("the layout was kept %d times of 120", kept)
	}
}

// TestRingLayoutIsKeptWhileHalfIsThere: backends that go down and come up cost
// no new layout, until too few are left.
func TestRingLayoutIsKeptWhileHalfIsThere(t *testing.T) {
	members := pooltest.Members(t, equalWeights(100)...)
	all := newRing(members, nil)
	for n, want := range map[int]bool{100: true, 99: true, 50: true, 49: false, 1: false} {
		if got := newRing(members[100-n:], all).layout == all.layout; got != want {
			t.Errorf("with %d of 100 members the layout is kept: %t", n, got)
		}
	}
	half := newRing(members[50:], all)
	if newRing(members, half).layout != all.layout {
		t.Error("the layout was made again when all came back")
	}
	if newRing(pooltest.Members(t, equalWeights(101)...), all).layout == all.layout {
		t.Error("the layout was kept though it lacks a member")
	}
}

func BenchmarkRing(b *testing.B) {
	for _, n := range sizes {
		for kind, weights := range map[string][]int{"equal": equalWeights(n), "mixed": mixedWeights(n)} {
			members := pooltest.Members(b, weights...)
			b.Run(fmt.Sprint(n, "-", kind), func(b *testing.B) {
				r := newRing(members, nil)
				key := uint64(0)
				for b.Loop() {
					key++
					r.nearest(spread(key, 0), nil)
				}
			})
			b.Run(fmt.Sprint(n, "-", kind, "/one-left"), func(b *testing.B) {
				before := newRing(members, nil)
				for b.Loop() {
					newRing(members[1:], before)
				}
			})
		}
	}
}
