package balancer

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool/pooltest"
	"github.com/caddy-loadbalance/caddy-loadbalance/sticky"
)

// asks returns a request of one of many clients, for one of many URIs.
func asks(rng *rand.Rand) *http.Request {
	r := httptest.NewRequest(http.MethodGet, fmt.Sprintf("/path?key=%d", rng.IntN(100)), http.NoBody)
	r.RemoteAddr = fmt.Sprintf("192.0.2.%d:4711", rng.IntN(100))
	r.Header.Set("X-Key", fmt.Sprint(rng.IntN(100)))
	vars := map[string]any{caddyhttp.ClientIPVarKey: fmt.Sprintf("198.51.100.%d", rng.IntN(100))}
	return r.WithContext(context.WithValue(r.Context(), caddyhttp.VarsCtxKey, vars))
}

// acquire is what a request that comes now gets; nil is nothing.
func acquire(p *pool.Pool, r *http.Request, rng *rand.Rand) *pool.Member {
	q := pool.Request{Rand: rng.Uint64}
	q.Reset(httptest.NewRecorder(), r)
	m, err := p.Acquire(&q)
	if err != nil {
		// one that may wait gets a slot at once or not at all
		ctx, cancel := context.WithTimeout(r.Context(), time.Millisecond)
		defer cancel()
		m, _ = p.Wait(ctx, &q, time.Time{})
	}
	if m != nil {
		q.Settle(m, make(http.Header), true, false)
	}
	return m
}

func idOf(m *pool.Member) string {
	if m == nil {
		return ""
	}
	return m.ID()
}

func chosenIn(e pool.Explanation) string {
	if e.Chosen == nil {
		return ""
	}
	return e.Chosen.ID
}

// TestExplainIsTrue: what a policy that does not draw is said to pick is what the
// next request gets, while others come and go.
func TestExplainIsTrue(t *testing.T) {
	forEveryPolicy(t, func(t *testing.T, policy Policy) {
		for _, n := range []int{1, 3, 7, 40} {
			specs := specsOf(t, mixedWeights(n))
			for i := range specs {
				specs[i].Weight = i%3 + 1
				specs[i].MaxRequests = 2
			}
			p := seededPool(t, policy, specs...)
			rng := rand.New(rand.NewPCG(uint64(n), 0))
			var held []*pool.Member
			for range explanations(p, rng) / 4 {
				if len(held) > 0 && rng.IntN(5) < 2 {
					i := rng.IntN(len(held))
					held[i].Release()
					held[i] = held[len(held)-1]
					held = held[:len(held)-1]
					continue
				}
				r := asks(rng)
				e := p.Explain(r)
				isComplete(t, e)
				m := acquire(p, r, rng)
				if !e.ByChance && chosenIn(e) != idOf(m) || (m == nil) != (e.Chosen == nil) {
					t.Fatalf("%d backends: explained %q (%s), and the request got %q", n, chosenIn(e), e.Reason, idOf(m))
				}
				if m != nil {
					held = append(held, m)
				}
			}
			for _, m := range held {
				m.Release()
			}
		}
	})
}

// isComplete makes sure that an explanation has all that it promises.
func isComplete(t *testing.T, e pool.Explanation) {
	t.Helper()
	chosen, sum := 0, 0.0
	if e.Reason == "" {
		t.Errorf("%s: no reason for %q", e.Policy, chosenIn(e))
	}
	for i := range e.Backends {
		b := &e.Backends[i]
		switch {
		case b.Chosen && (b != e.Chosen || !b.Eligible):
			t.Errorf("%s: %+v is chosen, which is to be %+v", e.Policy, *b, e.Chosen)
		case b.Reason == "" || strings.Contains(b.Reason, "%!"):
			t.Errorf("%s: bad reason for %+v", e.Policy, *b)
		case b.Chosen:
			chosen++
		case e.ByChance && b.Eligible && b.Share < 0:
			t.Errorf("%s: by chance, and no share of %+v", e.Policy, *b)
		}
		sum += max(b.Share, 0)
	}
	if (e.Chosen != nil) != (chosen == 1) {
		t.Errorf("%s: %d are chosen", e.Policy, chosen)
	}
	if e.ByChance && (sum < 0.999 || sum > 1.001) {
		t.Errorf("%s: shares add up to %v", e.Policy, sum)
	}
}

// TestExplainChangesNothing: of two pools the one about which was asked goes on
// as the other does.
func TestExplainChangesNothing(t *testing.T) {
	forEveryPolicy(t, func(t *testing.T, policy Policy) {
		for _, n := range []int{3, 40} {
			var pools [2]*pool.Pool
			for i := range pools {
				specs := specsOf(t, equalWeights(n))
				specs[1].Weight, specs[2].MaxRequests = 3, 1
				pools[i] = seededPool(t, policy, specs...)
				pools[i].Seed(&pool.Definition{Backends: specs, Policy: policy, Sticky: new(sticky.ClientIP)})
				for seed := range uint64(5) {
					rng := rand.New(rand.NewPCG(seed, 1))
					if m := acquire(pools[i], asks(rng), rng); m == nil {
						t.Fatal("nothing was picked")
					}
				}
			}
			before := pools[0].View()
			rng := rand.New(rand.NewPCG(1, 1))
			for range explanations(pools[0], rng) {
				pools[0].Explain(asks(rng))
			}
			if after := pools[0].View(); !reflect.DeepEqual(withoutPeaks(before), withoutPeaks(after)) {
				t.Errorf("%d backends: before %+v, after %+v", n, before, after)
			}
			for seed := range uint64(60) {
				var got [2]string
				for i, p := range pools {
					rng := rand.New(rand.NewPCG(seed, 2))
					got[i] = idOf(acquire(p, asks(rng), rng))
				}
				if got[0] != got[1] {
					t.Fatalf("%d backends: request %d got %q, and %q where nobody had asked", n, seed, got[0], got[1])
				}
			}
		}
	})
}

// explanations returns how many are asked for: many, but less where each is made
// of thousands of picks.
func explanations(p *pool.Pool, rng *rand.Rand) int {
	for range 10 {
		if p.Explain(asks(rng)).ByChance {
			return 80
		}
	}
	return 1000
}

// withoutPeaks leaves out what changes by time alone.
func withoutPeaks(v pool.View) pool.View {
	for i := range v.Backends {
		v.Backends[i].PeakLatency = 0
	}
	return v
}

// FuzzExplain: whatever state a pool is in, what is said to get a request can get
// it, and if it is said that none would, none does.
func FuzzExplain(f *testing.F) {
	for seed := range uint64(60) {
		f.Add(seed)
	}
	names := make([]string, 0, len(everyPolicy))
	for name := range everyPolicy {
		names = append(names, name)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 7))
		policy := newPolicy(t, everyPolicy[names[rng.IntN(len(names))]])
		p := inAnyState(t, policy, rng)
		for range 20 {
			r := asks(rng)
			e := p.Explain(r)
			isComplete(t, e)
			if m := canGet(p, r, e); m != chosenIn(e) {
				t.Fatalf("%s: explained %q (%s), and the request got %q", e.Policy, chosenIn(e), e.Reason, m)
			}
			if rng.IntN(2) == 0 {
				acquire(p, r, rng) // and is not answered
			}
		}
	})
}

// canGet returns what was chosen if a request can get that, and else what it gets.
func canGet(p *pool.Pool, r *http.Request, e pool.Explanation) string {
	tries := 1
	if e.ByChance {
		tries = 20_000
	}
	got := ""
	for range tries {
		m := acquireAndGo(p, r)
		if got = idOf(m); got == chosenIn(e) {
			break
		}
	}
	return got
}

// acquireAndGo is acquire, without a session that begins.
func acquireAndGo(p *pool.Pool, r *http.Request) *pool.Member {
	var q pool.Request
	q.Reset(httptest.NewRecorder(), r)
	m, err := p.Acquire(&q)
	if err != nil {
		ctx, cancel := context.WithTimeout(r.Context(), time.Millisecond)
		defer cancel()
		m, _ = p.Wait(ctx, &q, time.Time{})
	}
	if m != nil {
		m.Release()
	}
	return m
}

// inAnyState returns a pool of a few backends, of which some are full, down,
// ejected, drained or stand by.
func inAnyState(t *testing.T, policy Policy, rng *rand.Rand) *pool.Pool {
	n := 1 + rng.IntN(20)
	specs := make([]pool.Spec, n)
	for i := range specs {
		specs[i] = pooltest.Spec(t, i, 1+rng.IntN(3))
		specs[i].Priority = max(0, rng.IntN(4)-1)
		specs[i].MaxRequests = rng.IntN(4)
		specs[i].AdminState = []pool.AdminState{pool.Ready, pool.Ready, pool.Ready, pool.Drain, pool.Maintenance}[rng.IntN(5)]
	}
	def := &pool.Definition{
		Backends: specs, Policy: policy, PolicyName: policy.CaddyModule().ID.Name(),
		IgnoreHealthWhenAllDown: rng.IntN(2) == 0, MaxRequests: rng.IntN(3),
	}
	if rng.IntN(2) == 0 {
		def.Sticky = new(sticky.ClientIP)
	}
	if rng.IntN(2) == 0 {
		def.Queue = pool.QueueLimits{Size: rng.IntN(2), Timeout: time.Second}
	}
	p := seededPool(t, policy, specs...)
	p.Seed(def)
	for range rng.IntN(4 * n) {
		acquire(p, asks(rng), rng)
	}
	for _, m := range p.Snapshot().Members {
		switch rng.IntN(5) {
		case 0:
			p.SetHealth(m.Backend, pool.Down, "refused")
		case 1:
			p.Eject(m, time.Now().Add(time.Hour), "too many failures")
		}
	}
	p.Republish()
	return p
}
