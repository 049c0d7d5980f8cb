package balancer

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool/pooltest"
)

// window is the slow start of the tests.
const window = time.Minute

// ramp is a pool of backends of which the first has just come in.
type ramp struct {
	*pool.Pool
	start time.Time
	rand  *rand.Rand
}

func newRamp(t *testing.T, policy Policy, weights ...int) *ramp {
	t.Helper()
	p := pooltest.New(t)
	def := &pool.Definition{Policy: policy, SlowStart: window}
	for i, w := range weights {
		def.Backends = append(def.Backends, pooltest.Spec(t, i, w))
	}
	p.Commit("config", def)
	first := p.Snapshot().Members[0].Backend
	p.SetHealth(first, pool.Down, "refused")
	time.Sleep(time.Second)
	r := &ramp{Pool: p, rand: rand.New(rand.NewPCG(5, 6))}
	replaced := p.Snapshot().Replaced
	p.SetHealth(first, pool.Up, "")
	<-replaced
	r.start = time.Now()
	return r
}

// at waits until a part of the window is over.
func (r *ramp) at(part float64) {
	time.Sleep(time.Until(r.start.Add(time.Duration(part * float64(window)))))
	synctest.Wait()
}

// request returns a request from some client for something.
func (r *ramp) request() *pool.Request {
	http := httptest.NewRequest("GET", fmt.Sprintf("/%d?key=%d", r.rand.Uint32(), r.rand.Uint32()), nil)
	http.RemoteAddr = fmt.Sprintf("10.%d.%d.%d:80", r.rand.IntN(256), r.rand.IntN(256), r.rand.IntN(256))
	http.Header.Set("X-Key", fmt.Sprint(r.rand.Uint32()))
	q := &pool.Request{Rand: r.rand.Uint64}
	q.Reset(httptest.NewRecorder(), http)
	return q
}

// share returns the first backend's part of the requests, of which so many are
// in flight at a time.
func (r *ramp) share(t *testing.T, requests, inFlight int) float64 {
	t.Helper()
	first := 0
	members := make([]*pool.Member, 0, requests)
	for i := range requests {
		if i >= inFlight {
			members[i-inFlight].Release()
		}
		m, err := r.Acquire(r.request())
		if err != nil {
			t.Fatal(err)
		}
		if m.ID() == "b0" {
			first++
		}
		members = append(members, m)
	}
	for _, m := range members[max(requests-inFlight, 0):] {
		m.Release()
	}
	return float64(first) / float64(requests)
}

// TestSharesDuringSlowStart measures the part of the requests that a backend
// gets which comes in, with every policy, against the line from a tenth of its
// weight to all of it.
func TestSharesDuringSlowStart(t *testing.T) {
	weights := []int{3, 2, 1}
	for _, test := range []struct {
		policy   string
		inFlight int
		off      float64 // how far shares may be off
		full     float64 // share at the end; 0: by weight
	}{
		{`{"policy": "round_robin"}`, 1, 0.01, 0},
		{`{"policy": "weighted_round_robin"}`, 1, 0.01, 0},
		{`{"policy": "random"}`, 1, 0.03, 0},
		{`{"policy": "random_choose", "choose": 2}`, 1, 0.03, 0},
		{`{"policy": "random_choose", "choose": 2}`, 300, 0.06, 0},
		{`{"policy": "least_conn"}`, 600, 0.02, 0},
		{`{"policy": "peak_ewma"}`, 1, 0.04, 0},
		{`{"policy": "peak_ewma"}`, 300, 0.08, 0},
		{`{"policy": "first"}`, 1, 0.03, 1},
		{`{"policy": "ip_hash"}`, 1, 0.05, 0},
		{`{"policy": "client_ip_hash"}`, 1, 0.05, 0},
		{`{"policy": "uri_hash"}`, 1, 0.05, 0},
		{`{"policy": "query", "key": "key"}`, 1, 0.05, 0},
		{`{"policy": "header", "field": "X-Key"}`, 1, 0.05, 0},
		{`{"policy": "cookie", "name": "lb", "fallback": {"policy": "round_robin"}}`, 1, 0.01, 0},
	} {
		t.Run(fmt.Sprint(test.policy, test.inFlight), func(t *testing.T) {
			policy := newPolicy(t, test.policy)
			synctest.Test(t, func(t *testing.T) {
				r := newRamp(t, policy, weights...)
				for _, part := range []float64{0, 0.25, 0.5, 0.75, 1.05} {
					r.at(part)
					warmth := min(0.1+0.9*part, 1)
					want := 3 * warmth / (3*warmth + 3)
					if test.full > 0 {
						want = test.full * warmth
					}
					if got := r.share(t, 4000, test.inFlight); math.Abs(got-want) > test.off+0.0125 {
						t.Errorf("after %g of the time: %.3f of the requests, want %.3f", part, got, want)
					}
				}
			})
		})
	}
}

// Keys move to the backend that comes in little by little, and none moves back
// or between the others.
func TestKeysMoveSlowly(t *testing.T) {
	policy := newPolicy(t, `{"policy": "uri_hash"}`)
	synctest.Test(t, func(t *testing.T) {
		r := newRamp(t, policy, 1, 1, 1, 1)
		const keys = 2000
		requests := make([]*pool.Request, keys)
		for i := range requests {
			requests[i] = r.request()
		}
		before := make([]string, keys)
		moved := 0
		for _, part := range []float64{0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.05} {
			r.at(part)
			moves := 0
			for i, q := range requests {
				m, err := r.Acquire(q)
				if err != nil {
					t.Fatal(err)
				}
				if was := before[i]; was != "" && was != m.ID() {
					if moves++; m.ID() != "b0" {
						t.Fatalf("after %g of the time a key has moved from %s to %s", part, was, m.ID())
					}
				}
				before[i] = m.ID()
				m.Release()
			}
			if moved += moves; moves > keys/20 {
				t.Errorf("after %g of the time %d keys have moved at once", part, moves)
			}
		}
		if moved < keys/8 || moved > keys/3 {
			t.Errorf("%d of %d keys have moved", moved, keys)
		}
	})
}

// A bound on load follows as well: nobody gets more than 1.25 times what is due.
func TestBoundedLoadDuringSlowStart(t *testing.T) {
	policy := newPolicy(t, `{"policy": "uri_hash"}`)
	policy.(interface{ BoundLoad(factor float64) }).BoundLoad(1.25)
	synctest.Test(t, func(t *testing.T) {
		r := newRamp(t, policy, 3, 2, 1)
		for _, part := range []float64{0, 0.25, 0.5, 0.75, 1.05} {
			r.at(part)
			warmth := min(0.1+0.9*part, 1)
			want := 3 * warmth / (3*warmth + 3)
			if got := r.share(t, 4000, 300); math.Abs(got-want) > 0.25*want+0.02 {
				t.Errorf("after %g of the time: %.3f of the requests, want %.3f", part, got, want)
			}
		}
	})
}

// A pick costs no more while backends start slowly.
func TestPicksDuringSlowStartDoNotAllocate(t *testing.T) {
	for _, config := range []string{
		`{"policy": "round_robin"}`, `{"policy": "random"}`, `{"policy": "least_conn"}`, `{"policy": "first"}`, `{"policy": "uri_hash"}`,
	} {
		policy := newPolicy(t, config)
		synctest.Test(t, func(t *testing.T) {
			r := newRamp(t, policy, 1, 1, 1)
			q := r.request()
			if n := testing.AllocsPerRun(100, func() {
				m, err := r.Acquire(q)
				if err != nil {
					t.Fatal(err)
				}
				m.Release()
			}); n != 0 {
				t.Errorf("%s: %v allocations", config, n)
			}
		})
	}
}

// BenchmarkChangeDuringSlowStart changes one backend of many, of which a part
// starts slowly, each as warm as another: that makes a snapshot.
func BenchmarkChangeDuringSlowStart(b *testing.B) {
	const n = 10_000
	for name, weights := range map[string][]int{"equal": equalWeights(n), "mixed": mixedWeights(n)} {
		for _, config := range []string{
			`{"policy": "round_robin"}`, `{"policy": "random"}`, `{"policy": "least_conn"}`,
			`{"policy": "first"}`, `{"policy": "uri_hash"}`, `{"policy": "peak_ewma"}`,
		} {
			b.Run(config+" "+name, func(b *testing.B) {
				p := coldPool(b, newPolicy(b, config), weights)
				id := p.Snapshot().Members[n-1].ID()
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					limit := i
					if err := p.Patch(id, pool.Patch{MaxRequests: &limit}, pool.Options{}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// coldPool returns a pool of which a tenth starts slowly.
func coldPool(b *testing.B, policy Policy, weights []int) *pool.Pool {
	p := pooltest.New(b)
	def := &pool.Definition{Policy: policy, SlowStart: 10 * time.Second}
	for i, w := range weights {
		def.Backends = append(def.Backends, pooltest.Spec(b, i, w))
	}
	p.Commit("config", def)
	for _, health := range []pool.Health{pool.Down, pool.Up} {
		for i, m := range p.Snapshot().Members[:len(weights)/10] {
			p.SetHealth(m.Backend, health, "refused")
			if i%50 == 0 {
				p.Commit("config", def) // they come in one after the other
			}
		}
	}
	return p
}
