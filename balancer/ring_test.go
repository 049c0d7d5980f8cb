package balancer

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool/pooltest"
)

// owners returns the id of the member that each of many keys goes to.
func owners(members []*pool.Member, keys int) []string {
	r := newRing(members, nil)
	list := make([]string, keys)
	for key := range list {
		list[key] = r.owner(hashString(fmt.Sprint("key", key))).ID()
	}
	return list
}

// owner returns the member that a key goes to, nil if it goes to none.
func (r *ring) owner(hash uint64) *pool.Member {
	slot, ok := r.nearest(hash, nil)
	if !ok {
		return nil
	}
	return r.slots[slot]
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
// all members, with some left out.
func TestRingAgainstDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for name, weights := range map[string][]int{
		"one": {7}, "two": {1, 1000}, "few": mixedWeights(5), "many": mixedWeights(60), "equal": equalWeights(40),
		"one light": append(equalWeights(3), 700), "one heavy": append(equalWeights(50), 1000), "steps": {1, 10, 100, 1000, 1, 10, 100, 1000},
	} {
		t.Run(name, func(t *testing.T) {
			members := pooltest.Members(t, weights...)
			r := newRing(members, nil)
			for range 300 {
				hash := rng.Uint64()
				var refused []uint32
				for range min(len(members), 5) {
					got, ok := r.nearest(hash, refused)
					if want := byDefinition(members, hash, refused); !ok || got != want {
						t.Fatalf("without %v: got %d, %t, want %d", refused, got, ok, want)
					}
					refused = append(refused, got)
				}
				if slot, ok := r.nearest(hash, refused); ok && len(refused) == len(members) {
					t.Fatalf("without any: got %d", slot)
				}
			}
		})
	}
}

func byDefinition(members []*pool.Member, hash uint64, refused []uint32) uint32 {
	best, least := uint32(0), math.Inf(1)
	for i, m := range members {
		if slices.Contains(refused, uint32(i)) {
			continue
		}
		if d := distanceTo(m, hash) / float64(m.Weight); d < least {
			best, least = uint32(i), d
		}
	}
	return best
}

// distanceTo returns the way to the first point of m that a key sees.
func distanceTo(m *pool.Member, hash uint64) float64 {
	for lap := range uint64(maxLaps) {
		least := math.Inf(1)
		for part := range pointsPerMember {
			if at := pointIn(part, m.Key); visible(spread(hash, lap), uint64(at)) {
				least = min(least, float64(lap<<32+uint64(at-uint32(hash>>32))))
			}
		}
		if !math.IsInf(least, 1) {
			return least
		}
	}
	return math.Inf(1)
}

// TestRingIsTheSameEverywhere pins where keys go: it must not change from one
// process, machine or release to the next.
func TestRingIsTheSameEverywhere(t *testing.T) {
	members := pooltest.Members(t, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
	got := fmt.Sprint(owners(members, 16))
	const want = "[b3 b5 b7 b6 b8 b5 b8 b7 b5 b8 b5 b7 b4 b9 b6 b9]"
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
		if !slices.IsSorted(c.points) {
			t.Fatalf("points of circle %d are not in order", i)
		}
		for sector, start := range c.starts {
			if start > 0 && int(c.points[start-1]>>32>>c.shift) >= sector {
				t.Fatalf("sector %d begins too late", sector)
			}
		}
	}
}

// TestRingWalksAreShort counts the points that a key comes by until nothing
// behind them can be nearer, and those that are sorted at a time: both must stay
// few, whatever the weights and however many members.
func TestRingWalksAreShort(t *testing.T) {
	const keys, seen = 500, 1 << visibleBits
	steps := make([]int, 10_000)
	for i := range steps {
		steps[i] = []int{1, 10, 100, 1000}[i%4]
	}
	for name, weights := range map[string][]int{
		"three": equalWeights(3), "equal": equalWeights(10_000), "mixed": mixedWeights(10_000), "steps": steps,
		"one heavy": append(equalWeights(9_999), 1000), "half heavy": append(equalWeights(5_000), mixedWeights(5_000)...),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRing(pooltest.Members(t, weights...), nil)
			walked := 0.0
			for key := range uint64(keys) {
				hash := spread(key, 0)
				m := r.owner(hash)
				best := candidate{uint64(distanceTo(m, hash)), uint64(m.Weight), 0}
				for i := range r.layout.circles {
					way := float64(best.limit(r.heaviest[i])) / (1 << 32) // in laps
					walked += way * float64(len(r.layout.circles[i].points))
				}
			}
			t.Logf("%.0f points on %d circles", walked/keys, len(r.layout.circles))
			if walked > keys*seen*2*maxSlope {
				t.Errorf("a key comes by %.0f points", walked/keys)
			}
			for i := range r.layout.circles {
				c := &r.layout.circles[i]
				sorted := uint64(0)
				for sector := 1; sector < len(c.starts); sector++ {
					size := uint64(c.starts[sector] - c.starts[sector-1])
					sorted += size * size
				}
				if sorted > 8*uint64(len(c.points)) {
					t.Errorf("circle %d: sectors have up to %d steps of sorting for %d points", i, sorted, len(c.points))
				}
			}
		})
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
			a, b := next.owner(hash), fresh.owner(hash)
			if a != b {
				t.Fatalf("step %d: key %d goes to %s, and to %s on a new ring", step, key, a.ID(), b.ID())
			}
		}
		before = next
	}
	if kept < 20 || kept > 115 {
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
