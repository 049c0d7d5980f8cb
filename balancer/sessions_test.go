package balancer

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
	"github.com/caddy-loadbalance/caddy-loadbalance/sticky"
)

// comeAndGo has clients of a pool come and go, retry and be answered, and returns
// when all of them have left.
func comeAndGo(t *testing.T, p *pool.Pool, rng *rand.Rand, steps int) {
	var q pool.Request
	for range steps {
		r := httptest.NewRequest(http.MethodGet, "/path?key=a", http.NoBody)
		vars := map[string]any{caddyhttp.ClientIPVarKey: fmt.Sprintf("192.0.2.%d", rng.IntN(100))}
		q.Reset(httptest.NewRecorder(), r.WithContext(context.WithValue(r.Context(), caddyhttp.VarsCtxKey, vars)))
		for retries := rng.IntN(3); ; retries-- {
			m, err := p.Acquire(&q)
			if err != nil {
				t.Error(err)
				return
			}
			if retries <= 0 {
				q.Settle(m, make(http.Header), true, false)
				m.Release()
				break
			}
			q.MarkTried(m.Backend)
			m.Release()
		}
	}
}

// TestEveryPolicyWithSessions: sessions take slots past the policy, while
// backends are drained and made ready. Whatever the policy, no slot is lost, and
// those that go by loads know of them.
func TestEveryPolicyWithSessions(t *testing.T) {
	const n = 50
	forEveryPolicy(t, func(t *testing.T, policy Policy) {
		p := seededPool(t, policy)
		p.Seed(&pool.Definition{Backends: specsOf(t, equalWeights(n)), Policy: policy, Sticky: new(sticky.ClientIP)})
		var wg sync.WaitGroup
		for seed := range uint64(4) {
			wg.Go(func() { comeAndGo(t, p, rand.New(rand.NewPCG(seed, seed)), 500) })
		}
		for i := range 40 {
			state := pool.Drain
			if i%2 == 1 {
				state = pool.Ready
			}
			if err := p.Patch(fmt.Sprintf("b%d", i/2%n), pool.Patch{AdminState: &state}, pool.Options{}); err != nil {
				t.Error(err)
			}
		}
		wg.Wait()
		for _, m := range p.Snapshot().Members {
			if m.InFlight() != 0 {
				t.Errorf("%s has %d requests in flight", m.ID(), m.InFlight())
			}
		}
		if tree, ok := p.Snapshot().Tiers[0].Picker.(*loadTree); ok {
			treeAgrees(t, tree)
		}
	})
}

// TestLeastConnCountsSessions: a backend with many sessions gets no new clients
// as long as others have less to do.
func TestLeastConnCountsSessions(t *testing.T) {
	for _, n := range []int{3, 50} {
		policy := newPolicy(t, `{"policy": "least_conn"}`)
		p := seededPool(t, policy)
		p.Seed(&pool.Definition{Backends: specsOf(t, equalWeights(n)), Policy: policy, Sticky: new(sticky.ClientIP)})
		acquire := func(ip string) *pool.Member {
			var q pool.Request
			r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
			r.RemoteAddr = ip + ":1"
			q.Reset(nil, r)
			m, err := p.Acquire(&q)
			if err != nil {
				t.Fatal(err)
			}
			q.Settle(m, make(http.Header), true, false)
			return m
		}
		home := acquire("192.0.2.1")
		for range 5 {
			if m := acquire("192.0.2.1"); m != home {
				t.Fatalf("%d backends: the client was sent from %s to %s", n, home.ID(), m.ID())
			}
		}
		for i := range 2 * (n - 1) {
			if m := acquire(fmt.Sprintf("198.51.100.%d", i)); m == home {
				t.Fatalf("%d backends: new client %d was sent to the busiest", n, i)
			}
		}
	}
}
