package balancer

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool/pooltest"
)

// everyPolicy is each policy, for what holds for all of them.
var everyPolicy = map[string]string{
	"round_robin":          `{"policy": "round_robin"}`,
	"weighted_round_robin": `{"policy": "weighted_round_robin"}`,
	"least_conn":           `{"policy": "least_conn"}`,
	"random":               `{"policy": "random"}`,
	"random_choose":        `{"policy": "random_choose", "choose": 3}`,
	"random_choose many":   `{"policy": "random_choose", "choose": 100}`,
	"peak_ewma":            `{"policy": "peak_ewma"}`,
	"first":                `{"policy": "first"}`,
	"ip_hash":              `{"policy": "ip_hash"}`,
	"ip_hash, bounded":     `bounded {"policy": "ip_hash"}`,
	"query, bounded":       `bounded {"policy": "query", "key": "key", "fallback": {"policy": "least_conn"}}`,
	"header, bounded":      `bounded {"policy": "header", "field": "X-None"}`,
	"client_ip_hash":       `{"policy": "client_ip_hash"}`,
	"uri_hash":             `{"policy": "uri_hash"}`,
	"query":                `{"policy": "query", "key": "key"}`,
	"header":               `{"policy": "header", "field": "x-key"}`,
	"cookie":               `{"policy": "cookie"}`,
	"query, tracked":       `{"policy": "query", "key": "key", "fallback": {"policy": "least_conn"}}`,
	"query, paced":         `{"policy": "query", "key": "none", "fallback": {"policy": "peak_ewma"}}`,
	"header, absent":       `{"policy": "header", "field": "X-None", "fallback": {"policy": "least_conn"}}`,
}

func forEveryPolicy(t *testing.T, test func(t *testing.T, policy Policy)) {
	for name, config := range everyPolicy {
		t.Run(name, func(t *testing.T) { test(t, newPolicy(t, config)) })
	}
}

func TestEveryModuleIsTested(t *testing.T) {
	for _, mod := range caddy.GetModules("http.handlers.load_balance.policies") {
		if everyPolicy[mod.ID.Name()] == "" {
			t.Errorf("%s is not among the tested policies", mod.ID)
		}
		if _, ok := mod.New().(Policy); !ok {
			t.Errorf("%s is not a Policy", mod.ID)
		}
	}
}

func TestDefaultIsRoundRobin(t *testing.T) {
	if id := Default().CaddyModule().ID; id != "http.handlers.load_balance.policies.round_robin" {
		t.Error(id)
	}
}

func TestEveryPolicyFindsTheOneThatIsFree(t *testing.T) {
	forEveryPolicy(t, func(t *testing.T, policy Policy) {
		for _, n := range []int{1, 2, 17, 40, 10_000} {
			members := limited(t, n, 1)
			p := policy.NewPicker(members, nil)
			free := n * 2 / 3
			fill(p, members, free)
			if got := index(p.Pick(seeded(uint64(n)))); got != free {
				t.Errorf("%d members: got %d, want the only free one, %d", n, got, free)
			}
			if got := index(p.Pick(seeded(uint64(n)))); got != -1 {
				t.Errorf("%d members: got %d when all were full", n, got)
			}
			release(p, members[0])
			if got := index(p.Pick(seeded(uint64(n)))); got != 0 {
				t.Errorf("%d members: got %d, want 0, which was freed", n, got)
			}
		}
	})
}

func TestEveryPolicyLeavesOutWhatWasTried(t *testing.T) {
	forEveryPolicy(t, func(t *testing.T, policy Policy) {
		for _, n := range []int{2, 5, 40, 200} {
			members := pooltest.Members(t, mixedWeights(n)...)
			p := policy.NewPicker(members, nil)
			q := seeded(3)
			seen := make(map[int]bool)
			for range n {
				m := p.Pick(q)
				if m == nil || seen[m.Index] {
					t.Fatalf("%d members: got %d after %v", n, index(m), seen)
				}
				seen[m.Index] = true
				q.MarkTried(m.Backend)
				release(p, m)
			}
			if m := p.Pick(q); m != nil {
				t.Errorf("%d members: %d was picked again", n, m.Index)
			}
		}
	})
}

// TestEveryPolicyServesTriedOnesLast goes through a pool, which offers tried
// backends again when no other is left.
func TestEveryPolicyServesTriedOnesLast(t *testing.T) {
	forEveryPolicy(t, func(t *testing.T, policy Policy) {
		p := seededPool(t, policy, pooltest.Spec(t, 0, 1), pooltest.Spec(t, 1, 1))
		q := seeded(1)
		for range 4 {
			m, err := p.Acquire(q)
			if err != nil {
				t.Fatal(err)
			}
			q.MarkTried(m.Backend)
			m.Release()
		}
	})
}

// seededPool returns a pool with this policy.
func seededPool(t testing.TB, policy pool.Policy, specs ...pool.Spec) *pool.Pool {
	t.Helper()
	p := pooltest.New(t)
	p.Seed(&pool.Definition{Backends: specs, Policy: policy})
	return p
}

func TestEveryPolicyAllocatesNothing(t *testing.T) {
	forEveryPolicy(t, func(t *testing.T, policy Policy) {
		for _, n := range sizes {
			for kind, weights := range map[string][]int{"equal": equalWeights(n), "mixed": mixedWeights(n)} {
				members := pooltest.Members(t, weights...)
				p := policy.NewPicker(members, nil)
				q := seeded(1)
				p.Pick(q) // sets the cookie
				carryCookie(q)
				tried := seeded(1)
				carryCookie(tried)
				tried.MarkTried(members[0].Backend)
				tried.MarkTried(members[1].Backend)
				for what, q := range map[string]*pool.Request{"first": q, "retried": tried} {
					allocs := testing.AllocsPerRun(100, func() { release(p, p.Pick(q)) })
					if allocs != 0 && (what == "first" || policy.CaddyModule().ID.Name() != "cookie") {
						t.Errorf("%d members, weights %s, %s pick: %v allocations", n, kind, what, allocs)
					}
				}
			}
		}
	})
}

// TestEveryPickerIsMadeOfFewPieces: what a picker of many members consists of is
// allocated in pieces that do not get more with the members, and with sizes in
// proportion to them.
func TestEveryPickerIsMadeOfFewPieces(t *testing.T) {
	forEveryPolicy(t, func(t *testing.T, policy Policy) {
		for kind, weigh := range map[string]func(int) []int{"equal": equalWeights, "mixed": mixedWeights} {
			var pieces, size [2]uint64
			for i, n := range []int{1000, 10_000} {
				members := pooltest.Members(t, weigh(n)...)
				pieces[i], size[i] = allocated(func() { policy.NewPicker(members, nil) })
			}
			if pieces[1] > pieces[0]+32 || pieces[1] > 100 {
				t.Errorf("weights %s: %d allocations for 1,000 members, %d for 10,000", kind, pieces[0], pieces[1])
			}
			if size[1] > 20*size[0]+4096 {
				t.Errorf("weights %s: %d bytes for 1,000 members, %d for 10,000", kind, size[0], size[1])
			}
		}
	})
}

// allocated returns how many pieces of memory fn allocates, and of what size
// together.
func allocated(fn func()) (pieces, size uint64) {
	const runs = 5
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		fn()
	}
	runtime.ReadMemStats(&after)
	return (after.Mallocs - before.Mallocs) / runs, (after.TotalAlloc - before.TotalAlloc) / runs
}

// TestEveryPolicyKeepsLimits lets many goroutines pick and release at once.
func TestEveryPolicyKeepsLimits(t *testing.T) {
	const goroutines, rounds, limit = 16, 300, 2
	forEveryPolicy(t, func(t *testing.T, policy Policy) {
		for _, n := range []int{3, 40} {
			members := limited(t, n, limit)
			p := policy.NewPicker(members, nil)
			if tracker, ok := p.(pool.LoadTracker); ok {
				tracker.Refresh()
			}
			held := make([]atomic.Int64, n)
			var wg sync.WaitGroup
			for g := range goroutines {
				wg.Go(func() {
					q := seeded(uint64(g))
					for range rounds {
						m := p.Pick(q)
						if m == nil {
							continue
						}
						if now := held[m.Index].Add(1); now > limit {
							t.Errorf("%d requests at member %d", now, m.Index)
						}
						held[m.Index].Add(-1)
						release(p, m)
					}
				})
			}
			wg.Wait()
			for i, m := range members {
				if m.InFlight() != 0 {
					t.Errorf("member %d has %d requests at the end", i, m.InFlight())
				}
			}
		}
	})
}

// TestEveryPolicyIsRebuiltFromAnyOther makes each picker from that of each
// other policy, as when a config changes the policy.
func TestEveryPolicyIsRebuiltFromAnyOther(t *testing.T) {
	members := pooltest.Members(t, 1, 2, 3)
	for before, config := range everyPolicy {
		prev := newPolicy(t, config).NewPicker(members, nil)
		for after, config := range everyPolicy {
			t.Run(fmt.Sprintf("%s to %s", before, after), func(t *testing.T) {
				p := newPolicy(t, config).NewPicker(members[:2], prev)
				for range 5 {
					m := p.Pick(seeded(1))
					if m == nil || m.Index > 1 {
						t.Fatalf("got %d", index(m))
					}
					release(p, m)
				}
			})
		}
	}
}

// BenchmarkAllFull measures what it costs to find out that nobody has room.
func BenchmarkAllFull(b *testing.B) {
	for name, config := range everyPolicy {
		for _, n := range sizes {
			members := limited(b, n, 1)
			p := newPolicy(b, config).NewPicker(members, nil)
			fill(p, members)
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				q := seeded(1)
				for b.Loop() {
					if m := p.Pick(q); m != nil {
						b.Fatalf("picked %d", m.Index)
					}
				}
			})
		}
	}
}
