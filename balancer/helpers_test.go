package balancer

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool/pooltest"
)

// sizes are the numbers of members at which policies are measured.
var sizes = []int{3, 100, 10_000}

// tryPolicy loads a policy from JSON the way the handler does.
func tryPolicy(t testing.TB, config string) (Policy, error) {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	t.Cleanup(cancel)
	holder := &struct {
		Raw json.RawMessage `caddy:"namespace=http.handlers.load_balance.policies inline_key=policy"`
	}{json.RawMessage(config)}
	mod, err := ctx.LoadModule(holder, "Raw")
	if err != nil {
		return nil, err
	}
	return mod.(Policy), nil
}

// newPolicy is tryPolicy for what is right. With `bounded ` before it, the
// policy's load is bounded to 1.25 times the share.
func newPolicy(t testing.TB, config string) Policy {
	t.Helper()
	plain, bounded := strings.CutPrefix(config, "bounded ")
	policy, err := tryPolicy(t, plain)
	if err != nil {
		t.Fatalf("%s: %v", config, err)
	}
	if bounded {
		policy.(Bounder).BoundLoad(1.25)
	}
	return policy
}

// adaptation is a policy in a Caddyfile, as it follows lb_policy, and its JSON
// or a part of the error.
type adaptation struct{ input, json, err string }

func testAdaptation(t *testing.T, tests []adaptation) {
	t.Helper()
	for _, test := range tests {
		t.Run(test.input, func(t *testing.T) {
			got, err := adapt(test.input)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("got %s, error %v; want an error with %q", got, err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !equalJSON(t, got, test.json) {
				t.Errorf("got %s, want %s", got, test.json)
			}
			newPolicy(t, got)
		})
	}
}

func adapt(input string) (string, error) {
	d := caddyfile.NewTestDispenser(input)
	d.Next()
	name := d.Val()
	mod, err := caddyfile.UnmarshalModule(d, namespace+name)
	if err != nil {
		return "", err
	}
	return string(caddyconfig.JSONModuleObject(mod, "policy", name, nil)), nil
}

func equalJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var x, y any
	if err := json.Unmarshal([]byte(a), &x); err != nil {
		t.Fatalf("%s: %v", a, err)
	}
	if err := json.Unmarshal([]byte(b), &y); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	return reflect.DeepEqual(x, y)
}

// limited returns n members of weight 1 which take limit requests each.
func limited(t testing.TB, n, limit int) []*pool.Member {
	t.Helper()
	specs := make([]pool.Spec, n)
	for i := range specs {
		specs[i] = pooltest.Spec(t, i, 1)
		specs[i].MaxRequests = limit
	}
	return pooltest.MembersOf(t, specs...)
}

func equalWeights(n int) []int {
	weights := make([]int, n)
	for i := range weights {
		weights[i] = 1
	}
	return weights
}

// mixedWeights returns n weights from 1 to 1000, the same in each run.
func mixedWeights(n int) []int {
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	weights := make([]int, n)
	for i := range weights {
		weights[i] = 1 + rng.IntN(1000)
	}
	return weights
}

// seeded returns a Request with reproducible randomness and an HTTP request
// that has everything policies look at.
func seeded(seed uint64) *pool.Request {
	q := &pool.Request{Rand: rand.NewPCG(seed, seed).Uint64}
	r := httptest.NewRequest(http.MethodGet, "/path?key=a+value&other=1", http.NoBody)
	r.Header.Set("X-Key", "a value")
	q.Reset(httptest.NewRecorder(), r)
	return q
}

// count makes picks and returns how many each member got. Slots are released.
func count(t testing.TB, p pool.Picker, q *pool.Request, members []*pool.Member, picks int) []int {
	t.Helper()
	counts := make([]int, len(members))
	for range picks {
		m := p.Pick(q)
		if m == nil {
			t.Fatal("nothing was picked")
		}
		counts[m.Index]++
		release(p, m)
	}
	return counts
}

// release ends a request, as a pool does whose picker is p.
func release(p pool.Picker, m *pool.Member) {
	m.Release()
	if tracker, ok := p.(pool.LoadTracker); ok {
		tracker.LoadChanged(m)
	}
}

// fill takes all slots of members but those listed.
func fill(p pool.Picker, members []*pool.Member, but ...int) {
	var q pool.Request
	free := make(map[int]bool)
	for _, i := range but {
		free[i] = true
	}
	for i, m := range members {
		for !free[i] && q.Take(m) {
		}
	}
	if tracker, ok := p.(pool.LoadTracker); ok {
		tracker.Refresh()
	}
}

func index(m *pool.Member) int {
	if m == nil {
		return -1
	}
	return m.Index
}
