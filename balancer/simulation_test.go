package balancer

import (
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool/pooltest"
)

// answerer is how a simulated backend answers: what becomes of the request
// which reaches it at this time since the beginning, and after how long.
type answerer func(rng *rand.Rand, at time.Duration) (after time.Duration, o pool.Outcome)

// takes answers well, in d ± 20 %.
func takes(d time.Duration) answerer {
	return func(rng *rand.Rand, _ time.Duration) (time.Duration, pool.Outcome) {
		return time.Duration(float64(d) * (0.8 + 0.4*rng.Float64())), pool.Outcome{Status: 200}
	}
}

// until answers like a until a time, and then like b.
func until(end time.Duration, a, b answerer) answerer {
	return func(rng *rand.Rand, at time.Duration) (time.Duration, pool.Outcome) {
		if at < end {
			return a(rng, at)
		}
		return b(rng, at)
	}
}

// fails does so, in no time.
func fails(*rand.Rand, time.Duration) (time.Duration, pool.Outcome) {
	return 100 * time.Microsecond, pool.Outcome{Verdict: pool.Failed, Err: errors.New("refused")}
}

// unavailable answers so, in no time.
func unavailable(*rand.Rand, time.Duration) (time.Duration, pool.Outcome) {
	return 100 * time.Microsecond, pool.Outcome{Status: 503}
}

// hangs answers nothing before the proxy gives up on it.
func hangs(*rand.Rand, time.Duration) (time.Duration, pool.Outcome) {
	return time.Minute, pool.Outcome{Verdict: pool.Failed, Err: errors.New("timeout")}
}

// simulation sends requests through a pool for some time, which is virtual:
// clients come at random, independent of each other, and do not wait for one
// another.
type simulation struct {
	policy   string
	weights  []int // 1 each, if there are none
	rate     int   // of requests per second
	duration time.Duration
	backends []answerer
	// before the first client comes
	prepare func(p *pool.Pool)
}

// visit is what became of a simulated request.
type visit struct {
	at, took time.Duration
	backend  int
	failed   bool
}

type visits []visit

// run returns what became of all requests, in the order in which they came.
func (s *simulation) run(t *testing.T) (all visits) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(7, 7))
		specs := make([]pool.Spec, len(s.backends))
		for i := range specs {
			specs[i] = pooltest.Spec(t, i, 1)
			if s.weights != nil {
				specs[i].Weight = s.weights[i]
			}
		}
		p := seededPool(t, newPolicy(t, s.policy), specs...)
		if s.prepare != nil {
			s.prepare(p)
		}
		var mu sync.Mutex
		var wg sync.WaitGroup
		for start := time.Now(); time.Since(start) < s.duration; {
			time.Sleep(time.Duration(rng.ExpFloat64() / float64(s.rate) * float64(time.Second)))
			at, seed := time.Since(start), rng.Uint64()
			wg.Go(func() {
				v := s.serve(t, p, at, seed)
				mu.Lock()
				defer mu.Unlock()
				all = append(all, v)
			})
			synctest.Wait()
		}
		wg.Wait()
	})
	slices.SortFunc(all, func(a, b visit) int { return int(a.at - b.at) })
	return all
}

func (s *simulation) serve(t *testing.T, p *pool.Pool, at time.Duration, seed uint64) visit {
	rng := rand.New(rand.NewPCG(seed, 1))
	q := &pool.Request{Rand: rng.Uint64}
	m, err := p.Acquire(q)
	if err != nil {
		t.Error(err)
		return visit{}
	}
	defer m.Release()
	after, o := s.backends[m.Index](rng, at)
	start := time.Now()
	m.BeginWait(start)
	time.Sleep(after)
	m.EndWait()
	o.Latency = time.Since(start)
	m.Observe(o)
	return visit{at, o.Latency, m.Index, o.Verdict == pool.Failed || o.Status >= 500}
}

// between returns those that came within a time.
func (v visits) between(start, end time.Duration) (part visits) {
	for _, x := range v {
		if start <= x.at && x.at < end {
			part = append(part, x)
		}
	}
	return part
}

// share returns the part of the requests that a backend got.
func (v visits) share(backend int) float64 {
	count := 0
	for _, x := range v {
		if x.backend == backend {
			count++
		}
	}
	return float64(count) / float64(len(v))
}

// quantile returns the time that this part of the requests took at most.
func (v visits) quantile(part float64) time.Duration {
	times := make([]time.Duration, len(v))
	for i, x := range v {
		times[i] = x.took
	}
	slices.Sort(times)
	return times[min(int(part*float64(len(times))), len(times)-1)]
}
