package balancer

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool/pooltest"
)

// hashPolicy is a policy that picks by a key, and requests for keys.
type hashPolicy struct {
	config  string
	request func(key int) *http.Request
}

func address(key int) string { return fmt.Sprintf("10.%d.%d.%d", key>>16, key>>8&0xff, key&0xff) }

var hashPolicies = map[string]hashPolicy{
	"ip_hash": {`{"policy": "ip_hash"}`, func(key int) *http.Request { return from(address(key) + ":1234") }},
	"client_ip_hash": {`{"policy": "client_ip_hash"}`, func(key int) *http.Request {
		return withVars(from("192.0.2.1:1234"), map[string]any{caddyhttp.ClientIPVarKey: address(key)})
	}},
	"uri_hash": {`{"policy": "uri_hash"}`, func(key int) *http.Request { return get(fmt.Sprintf("/things/%d", key)) }},
	"query":    {`{"policy": "query", "key": "id"}`, func(key int) *http.Request { return get(fmt.Sprintf("/?id=%d", key)) }},
	"header":   {`{"policy": "header", "field": "X-Tenant"}`, func(key int) *http.Request { return get("/", "X-Tenant", fmt.Sprint(key)) }},
	// with a bound, a single request at a time goes where it goes without
	"ip_hash, bounded": {`bounded {"policy": "ip_hash"}`, func(key int) *http.Request { return from(address(key) + ":1234") }},
}

// places returns the id of the backend that each of many keys goes to.
func (h *hashPolicy) places(t *testing.T, keys int, specs []pool.Spec) []string {
	t.Helper()
	p := newPolicy(t, h.config).NewPicker(pooltest.MembersOf(t, specs...), nil)
	list := make([]string, keys)
	for key := range list {
		m := p.Pick(&pool.Request{HTTP: h.request(key)})
		list[key] = m.ID()
		release(p, m)
	}
	return list
}

// shareOf returns the share of a backend by weight.
func shareOf(specs []pool.Spec, i int) float64 {
	sum := 0
	for _, s := range specs {
		sum += s.Weight
	}
	return float64(specs[i].Weight) / float64(sum)
}

// expectMoved checks how many keys have moved, and that each has moved to or
// from the backend that came, left or changed.
//
// How many there should be is known from the weights. The shares of the ring
// differ from those by about 5 % of themselves, and those of a sample of keys by
// √(share/keys): four times both together is allowed.
func expectMoved(t *testing.T, before, after []string, changed string, want float64) {
	t.Helper()
	moved := 0
	for key := range before {
		if before[key] == after[key] {
			continue
		}
		moved++
		if before[key] != changed && after[key] != changed {
			t.Fatalf("key %d moved from %s to %s when %s changed", key, before[key], after[key], changed)
		}
	}
	got := float64(moved) / float64(len(before))
	tolerance := 4 * math.Hypot(0.05*want, math.Sqrt(want/float64(len(before))))
	t.Logf("%.4f of the keys moved, want %.4f ± %.4f", got, want, tolerance)
	if math.Abs(got-want) > tolerance {
		t.Errorf("%.4f of the keys moved, want %.4f ± %.4f", got, want, tolerance)
	}
}

// TestHashPoliciesMoveFewKeys: when one of n backends leaves or comes, its share
// of the keys moves, 1/n with equal weights, and no others do; when a weight
// changes, the difference of the shares does.
func TestHashPoliciesMoveFewKeys(t *testing.T) {
	const keys, n, changed = 10_000, 20, 7
	for name, policy := range hashPolicies {
		for kind, weights := range map[string][]int{"equal": equalWeights(n), "mixed": mixedWeights(n)} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				t.Parallel()
				specs := specsOf(t, weights)
				id, share := specs[changed].ID, shareOf(specs, changed)
				all := policy.places(t, keys, specs)

				rest := slices.Concat(specs[:changed], specs[changed+1:])
				without := policy.places(t, keys, rest)
				expectMoved(t, all, without, id, share)
				expectMoved(t, without, policy.places(t, keys, specs), id, share)

				heavier := slices.Clone(specs)
				heavier[changed].Weight *= 3
				expectMoved(t, all, policy.places(t, keys, heavier), id, shareOf(heavier, changed)-share)
			})
		}
	}
}

// TestHashPoliciesIgnoreOrder: the same backends in another order serve the same
// keys, as do backends that another process has.
func TestHashPoliciesIgnoreOrder(t *testing.T) {
	for name, policy := range hashPolicies {
		t.Run(name, func(t *testing.T) {
			specs := specsOf(t, mixedWeights(25))
			want := policy.places(t, 2000, specs)
			rng := rand.New(rand.NewPCG(3, 3))
			for range 3 {
				rng.Shuffle(len(specs), func(i, j int) { specs[i], specs[j] = specs[j], specs[i] })
				if got := policy.places(t, 2000, specs); !slices.Equal(got, want) {
					t.Fatal("keys moved with the order of the backends")
				}
			}
		})
	}
}

// TestHashPoliciesAreTheSameEverywhere pins where keys go: it must not change
// with a restart, from one instance or machine to another, or with a release.
func TestHashPoliciesAreTheSameEverywhere(t *testing.T) {
	const (
		byAddress = "[b5 b3 b4 b5 b5 b5 b4 b4 b4 b2 b4 b4 b5 b0 b0 b5 b4 b3 b2 b3 b5 b3 b3 b3]"
		byURI     = "[b5 b5 b1 b2 b2 b4 b5 b5 b3 b4 b3 b0 b4 b0 b4 b1 b5 b5 b3 b5 b4 b2 b3 b4]"
		byValue   = "[b4 b3 b2 b4 b5 b4 b5 b2 b3 b2 b4 b2 b2 b5 b5 b5 b4 b5 b4 b5 b5 b5 b2 b4]"
	)
	golden := map[string]string{
		"ip_hash": byAddress, "client_ip_hash": byAddress, "ip_hash, bounded": byAddress,
		"uri_hash": byURI, "query": byValue, "header": byValue,
	}
	for name, policy := range hashPolicies {
		t.Run(name, func(t *testing.T) {
			got := fmt.Sprint(policy.places(t, 24, specsOf(t, []int{1, 1, 2, 3, 5, 8})))
			if got != golden[name] {
				t.Errorf("got  %s\nwant %s", got, golden[name])
			}
		})
	}
}

// TestCookieMovesOnlySessionsOfTheOneThatLeft: the others find their backends,
// whatever the order is; and so do those of the one that left, when it is back.
func TestCookieMovesOnlySessionsOfTheOneThatLeft(t *testing.T) {
	const sessions, n, left = 500, 20, 7
	specs := specsOf(t, mixedWeights(n))
	const config = `{"policy": "cookie", "secret": "s"}`
	// visit has all clients come, with the cookies that they have
	visit := func(cookies []string, specs []pool.Spec) []string {
		p := newPolicy(t, config).NewPicker(pooltest.MembersOf(t, specs...), nil)
		places := make([]string, sessions)
		for i := range places {
			q := seeded(uint64(i))
			if cookies[i] != "" {
				q.HTTP.Header.Set("Cookie", cookies[i])
			}
			m := p.Pick(q)
			places[i] = m.ID()
			m.Release()
			if cookies[i] == "" {
				cookies[i] = set(q)[0].Name + "=" + set(q)[0].Value
			}
		}
		return places
	}
	cookies := make([]string, sessions)
	before := visit(cookies, specs)
	rest := slices.Concat(specs[left+1:], specs[:left])
	after := visit(cookies, rest)
	for i := range before {
		if stays := before[i] != specs[left].ID; stays && after[i] != before[i] {
			t.Fatalf("session %d moved from %s to %s", i, before[i], after[i])
		}
	}
	slices.Reverse(specs)
	if back := visit(cookies, specs); !slices.Equal(back, before) {
		t.Error("with the backend back, sessions are elsewhere than they began")
	}
}
