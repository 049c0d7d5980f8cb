package balancer

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool/pooltest"
)

// boundedPicker returns a picker by X-Key with a bound.
func boundedPicker(t testing.TB, members []*pool.Member, factor float64, prev pool.Picker) pool.Picker {
	policy := newPolicy(t, `{"policy": "header", "field": "X-Key"}`)
	policy.(Bounder).BoundLoad(factor)
	return policy.NewPicker(members, prev)
}

// keyed returns a request for a key.
func keyed(key any) *pool.Request {
	return &pool.Request{HTTP: &http.Request{Header: http.Header{"X-Key": {fmt.Sprint(key)}}}}
}

// allowed is ⌈c * m * weight / sum⌉, in whole numbers; the factor is in percent.
func allowed(percent, total, weight, sum int) int {
	return (percent*total*weight + 100*sum - 1) / (100 * sum)
}

// TestBoundedLoadIsExact lets requests come and go, many of them for one key,
// and checks after each that no member has more than it may, and that a request
// went to the first member in the order of its hash that had room.
func TestBoundedLoadIsExact(t *testing.T) {
	for name, weights := range map[string][]int{
		"one": {3}, "two": {1, 1}, "five": equalWeights(5), "weighted": {1, 2, 3, 10, 100}, "many": mixedWeights(40),
	} {
		for _, percent := range []int{101, 125, 200} {
			t.Run(fmt.Sprint(name, "/", percent), func(t *testing.T) {
				members := pooltest.Members(t, weights...)
				sum := 0
				for _, w := range weights {
					sum += w
				}
				p := boundedPicker(t, members, float64(percent)/100, nil)
				r := newRing(members, nil)
				rng := rand.New(rand.NewPCG(2, 2))
				var held []*pool.Member
				for range 2000 {
					if len(held) > 0 && rng.IntN(100) < 45 {
						i := rng.IntN(len(held))
						release(p, held[i])
						held[i] = held[len(held)-1]
						held = held[:len(held)-1]
						continue
					}
					key := max(rng.IntN(20)-10, 0) // every other time the same
					total := len(held) + 1
					want := r.offer(hashString(fmt.Sprint(key)), func(m *pool.Member) bool {
						return int(m.InFlight()) < allowed(percent, total, m.Weight, sum)
					})
					m := p.Pick(keyed(key))
					if m != want {
						t.Fatalf("with %d in flight, key %d went to %d, want %d", total, key, index(m), index(want))
					}
					if got, most := int(m.InFlight()), allowed(percent, total, m.Weight, sum); got > most {
						t.Fatalf("with %d in flight, %d of weight %d has %d, and may have %d", total, m.Index, m.Weight, got, most)
					}
					held = append(held, m)
				}
			})
		}
	}
}

// TestBoundedLoadSpreadsOneKey: a key that everybody asks for is shared out, in
// the order of its hash.
func TestBoundedLoadSpreadsOneKey(t *testing.T) {
	members := pooltest.Members(t, equalWeights(10)...)
	p := boundedPicker(t, members, 1.25, nil)
	for range 1000 {
		if p.Pick(keyed("hot")) == nil {
			t.Fatal("nothing was picked")
		}
	}
	used := 0
	for _, m := range members {
		if n := m.InFlight(); n > 125 {
			t.Errorf("%s has %d of 1000", m.ID(), n)
		} else if n > 0 {
			used++
		}
	}
	if used < 8 || used > 9 {
		t.Errorf("%d of 10 backends are used; want 8, and perhaps one for the rest", used)
	}
}

// TestBoundedLoadKeepsQuietKeys: where there is room, keys go where they go
// without a bound.
func TestBoundedLoadKeepsQuietKeys(t *testing.T) {
	members := pooltest.Members(t, equalWeights(10)...)
	p := boundedPicker(t, members, 1.25, nil)
	plain := newPolicy(t, `{"policy": "header", "field": "X-Key"}`).NewPicker(members, nil)
	hold(members[0], 100)
	p.(pool.LoadTracker).Refresh()
	for key := range 500 {
		m, want := p.Pick(keyed(key)), plain.Pick(keyed(key))
		want.Release()
		release(p, m)
		if want.Index != 0 && m != want {
			t.Fatalf("key %d went to %d, want %d", key, m.Index, want.Index)
		}
		if m.Index == 0 {
			t.Fatalf("key %d went to the backend that has 100 of 101 requests", key)
		}
	}
}

// TestBoundedLoadRefusesNobody: limits of the backends are kept; where no one
// has room within the bound, the bound yields.
func TestBoundedLoadRefusesNobody(t *testing.T) {
	specs := specsOf(t, equalWeights(3))
	specs[0].MaxRequests, specs[1].MaxRequests = 2, 3
	members := pooltest.MembersOf(t, specs...)
	p := boundedPicker(t, members, 1.01, nil)
	for n := range 300 {
		if p.Pick(keyed("hot")) == nil {
			t.Fatalf("request %d was refused", n)
		}
	}
	if got := [3]int64{members[0].InFlight(), members[1].InFlight(), members[2].InFlight()}; got != [3]int64{2, 3, 295} {
		t.Errorf("requests in flight: %v", got)
	}
}

// TestBoundedLoadFollowsRetries: a request that was at a backend goes on to
// others, which it may have.
func TestBoundedLoadFollowsRetries(t *testing.T) {
	members := pooltest.Members(t, 1, 1)
	p := boundedPicker(t, members, 1.25, nil)
	hold(members[0], 10)
	hold(members[1], 10)
	p.(pool.LoadTracker).Refresh()
	q := keyed("key")
	first := p.Pick(q)
	q.MarkTried(first.Backend)
	release(p, first)
	second := p.Pick(q)
	if second == nil || second == first {
		t.Fatalf("after %d: %d", first.Index, index(second))
	}
	q.MarkTried(second.Backend)
	if third := p.Pick(q); third != nil {
		t.Errorf("got %d again", third.Index)
	}
}

// TestBoundedLoadCountsEverybody: what other pickers of the tier, and those
// before, have picked counts as well.
func TestBoundedLoadCountsEverybody(t *testing.T) {
	policy := newPolicy(t, `bounded {"policy": "header", "field": "X-Key", "fallback": {"policy": "least_conn"}}`)
	p := seededPool(t, policy, specsOf(t, equalWeights(40))...)
	sum := func() int64 {
		return p.Snapshot().Tiers[0].Picker.(*trackingEither).chooser.(*hashed).bound.sum()
	}
	var held []*pool.Member
	acquire := func(q *pool.Request) {
		m, err := p.Acquire(q)
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, m)
	}
	for range 100 {
		acquire(keyed("hot"))
		acquire(seededWithout())
	}
	if got := sum(); got != 200 {
		t.Errorf("%d requests are counted of 200", got)
	}
	p.Commit("config", &pool.Definition{Backends: specsOf(t, mixedWeights(40)), Policy: policy})
	if got := sum(); got != 200 {
		t.Errorf("%d requests are counted of 200 after a reload", got)
	}
	for _, m := range held {
		m.Release()
	}
	if got := sum(); got != 0 {
		t.Errorf("%d requests are counted of none", got)
	}
}

// seededWithout returns a request that lacks what is hashed.
func seededWithout() *pool.Request {
	q := seeded(1)
	q.HTTP.Header.Del("X-Key")
	return q
}

// TestTallyIsExactAtRest lets many goroutines pick and release at once.
func TestTallyIsExactAtRest(t *testing.T) {
	for _, n := range []int{1, 3, 40, 300} {
		members := pooltest.Members(t, equalWeights(n)...)
		p := boundedPicker(t, members, 1.25, nil)
		var wg sync.WaitGroup
		for g := range 8 {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(uint64(g), 1))
				var held []*pool.Member
				for i := range 2000 {
					if len(held) > 0 && rng.IntN(2) == 0 {
						release(p, held[len(held)-1])
						held = held[:len(held)-1]
						continue
					}
					held = append(held, p.Pick(keyed(i%7)))
				}
				for _, m := range held[:len(held)/2] {
					release(p, m)
				}
			})
		}
		wg.Wait()
		var want int64
		for _, m := range members {
			want += m.InFlight()
		}
		if got := p.(*trackingEither).chooser.(*hashed).bound.sum(); got != want || want == 0 {
			t.Errorf("%d members: %d requests are counted of %d", n, got, want)
		}
	}
}

// TestBoundRoundsUp: what floating point adds to a whole number is no request.
func TestBoundRoundsUp(t *testing.T) {
	for n := 1; n <= 60; n++ {
		members := pooltest.Members(t, equalWeights(n)...)
		for total := 1; total <= 300; total++ {
			b := bound{factor: 1.1 / float64(n)}
			b.parts = make([]part, 1)
			b.parts[0].count.Store(int64(total - 1))
			if got, want := most(members[0], b.perWeight()), allowed(110, total, 1, n); int(got) != want {
				t.Fatalf("%d in flight to %d: %d, want %d", total, n, got, want)
			}
		}
	}
}

func BenchmarkBoundedLoad(b *testing.B) { benchmarkPolicy(b, `bounded {"policy": "ip_hash"}`) }
