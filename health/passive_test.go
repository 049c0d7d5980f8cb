package health

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// newObserved returns a pool of n backends that are not probed, whose requests
// are observed as cfg says.
func newObserved(t testing.TB, n int, cfg config.PassiveHealth) *rig {
	t.Helper()
	r := newRig(t, n, config.ActiveHealth{Disabled: true}, Options{}, nil)
	r.reload(func(def *pool.Definition) { def.Observer, def.Ejections = NewPassive(&cfg), Ejections(&cfg) })
	return r
}

// observe reports the outcome of a request to the backend.
func (r *rig) observe(id string, o pool.Outcome) { r.Snapshot().Find(id).Observe(o) }

func (r *rig) fail(id string) { r.observe(id, pool.Outcome{Verdict: pool.Failed, Err: errRefused}) }

func expectAccepting(t *testing.T, r *rig, id string, want bool) {
	t.Helper()
	if v := r.view(t, id); v.Accepting != want {
		t.Errorf("%s: accepting is %t, %s", id, v.Accepting, v.Reason)
	}
}

func seconds(s float64) caddy.Duration { return caddy.Duration(s * float64(time.Second)) }

func TestPassiveOff(t *testing.T) {
	for _, cfg := range []*config.PassiveHealth{nil, {}, {MaxFails: 3, UnhealthyStatus: []int{5}}} {
		if o := NewPassive(cfg); o != nil {
			t.Errorf("%+v: got an observer", cfg)
		}
	}
}

func TestPassiveVerdicts(t *testing.T) {
	cfg := config.PassiveHealth{FailDuration: seconds(10), UnhealthyStatus: []int{5, 429}, UnhealthyLatency: seconds(2)}
	tests := []struct {
		outcome pool.Outcome
		reason  string // empty: not ejected
	}{
		{pool.Outcome{Verdict: pool.Answered, Status: 200}, ""},
		{pool.Outcome{Verdict: pool.Answered, Status: 404}, ""},
		{pool.Outcome{Verdict: pool.Answered, Status: 503}, "HTTP 503"},
		{pool.Outcome{Verdict: pool.Answered, Status: 429}, "HTTP 429"},
		{pool.Outcome{Verdict: pool.Answered, Status: 200, Latency: 1999 * time.Millisecond}, ""},
		{pool.Outcome{Verdict: pool.Answered, Status: 200, Latency: 2 * time.Second}, "response took 2s"},
		{pool.Outcome{Verdict: pool.Answered, Status: 200, Latency: time.Minute, ClientTime: time.Minute - time.Second}, ""},
		{pool.Outcome{Verdict: pool.Answered, Status: 200, Latency: time.Minute, ClientTime: time.Minute - 3*time.Second}, "response took 3s"},
		{pool.Outcome{Verdict: pool.Failed, Err: errRefused}, "connection refused"},
		{pool.Outcome{Verdict: pool.Failed, Err: errors.New("secret")}, "no valid response"},
		{pool.Outcome{Verdict: pool.Failed}, "no response"},
		{pool.Outcome{Verdict: pool.ClientFault, Status: 503, Latency: time.Hour, Err: errRefused}, ""},
		{pool.Outcome{Verdict: pool.LocalFault, Status: 503, Latency: time.Hour, Err: errRefused}, ""},
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%+v", test.outcome), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newObserved(t, 2, cfg)
				r.observe("b0", test.outcome)
				settled()
				v := r.view(t, "b0")
				if want := "ejected: " + test.reason; v.Accepting != (test.reason == "") || (!v.Accepting && v.Reason != want) {
					t.Errorf("accepting %t, reason %q; want %q", v.Accepting, v.Reason, want)
				}
				expectAccepting(t, r, "b1", true)
			})
		})
	}
}

func TestPassiveEjectsUntilEnoughIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newObserved(t, 2, config.PassiveHealth{FailDuration: seconds(10), MaxFails: 3})
		begin := time.Now()
		at := func(second float64) {
			time.Sleep(time.Duration(second*float64(time.Second)) - time.Since(begin))
			synctest.Wait()
		}
		r.fail("b0")
		at(4)
		r.fail("b0")
		at(10) // the first is forgotten right now
		r.fail("b0")
		at(10.1)
		expectAccepting(t, r, "b0", true)
		at(12)
		r.fail("b0") // 4, 10, 12
		at(12.1)
		expectAccepting(t, r, "b0", false)
		if v := r.view(t, "b0"); !v.EjectedUntil.Equal(begin.Add(14*time.Second)) || v.Reason != "ejected: 3 failures within 10s, the last: connection refused" {
			t.Errorf("until %s, %s", v.EjectedUntil.Sub(begin), v.Reason)
		}
		at(13)
		r.fail("b0") // of a request that was under way: 10, 12, 13
		at(14.1)
		expectAccepting(t, r, "b0", false)
		at(20.1)
		expectAccepting(t, r, "b0", true)
		r.fail("b0") // 12, 13, 20.1
		at(20.2)
		expectAccepting(t, r, "b0", false)
		at(22.1)
		expectAccepting(t, r, "b0", true)
	})
}

func TestPassiveOutlivesReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config.PassiveHealth{FailDuration: seconds(10), MaxFails: 4}
		r := newObserved(t, 2, cfg)
		for range 2 {
			r.fail("b0")
			time.Sleep(time.Second)
		}
		less := cfg
		less.MaxFails = 3
		r.reload(func(def *pool.Definition) { def.Observer = NewPassive(&less) })
		expectAccepting(t, r, "b0", true)
		r.fail("b0")
		settled()
		expectAccepting(t, r, "b0", false)

		time.Sleep(8500 * time.Millisecond) // two are left
		more := cfg
		more.MaxFails = 5
		r.reload(func(def *pool.Definition) { def.Observer = NewPassive(&more) })
		for range 3 {
			expectAccepting(t, r, "b0", true)
			r.fail("b0")
			settled()
		}
		expectAccepting(t, r, "b0", false)
	})
}

// TestFailuresAgainstHistory compares random failures with a decision that
// looks at all of them.
func TestFailuresAgainstHistory(t *testing.T) {
	const remember = 100 * time.Millisecond
	random := rand.New(rand.NewPCG(3, 4))
	for limit := 1; limit <= 5; limit++ {
		f := new(failures)
		now := time.Unix(1e9, 0)
		var all []time.Time
		var told time.Time
		for range 5000 {
			now = now.Add(time.Duration(random.IntN(60)) * time.Millisecond)
			all = append(all, now)
			var want time.Time // when less than limit are remembered
			if oldest := len(all) - limit; oldest >= 0 && now.Sub(all[oldest]) < remember {
				want = all[oldest].Add(remember)
			}
			until, eject := f.add(now, remember, limit)
			if eject {
				told = until
			}
			if !want.IsZero() && !told.Equal(want) {
				t.Fatalf("limit %d: ejected until %s, want %s", limit, told, want)
			}
			if want.IsZero() && eject {
				t.Fatalf("limit %d: ejected until %s, want not", limit, until)
			}
			if len(f.times) > limit || cap(f.times) > 4*limit+4 {
				t.Fatalf("limit %d: remembers %d, with room for %d", limit, len(f.times), cap(f.times))
			}
		}
	}
}

func TestFailuresInABurstTellThePoolOnce(t *testing.T) {
	f := new(failures)
	now := time.Unix(1e9, 0)
	told := 0
	for i := range 1000 {
		if _, eject := f.add(now.Add(time.Duration(i)*time.Microsecond), time.Second, 10); eject {
			told++
		}
	}
	if told != 1 {
		t.Errorf("told %d times in a millisecond", told)
	}
}

func TestPassiveConcurrently(t *testing.T) {
	r := newObserved(t, 2, config.PassiveHealth{FailDuration: seconds(60), MaxFails: 100})
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for range 50 {
				r.fail("b0")
				r.observe("b1", pool.Outcome{Verdict: pool.Answered, Status: 200})
			}
		})
	}
	workers.Wait()
	expectAccepting(t, r, "b0", false)
	expectAccepting(t, r, "b1", true)
	if v := r.view(t, "b0"); !strings.HasPrefix(v.Reason, "ejected: 100 failures within 1m0s") {
		t.Errorf("reason %s", v.Reason)
	}
}

func TestPassiveCostsNothingOnSuccess(t *testing.T) {
	r := newObserved(t, 1, config.PassiveHealth{FailDuration: seconds(10), UnhealthyStatus: []int{5}, UnhealthyLatency: seconds(1)})
	m := r.Snapshot().Find("b0")
	o := NewPassive(&config.PassiveHealth{FailDuration: seconds(10), UnhealthyStatus: []int{5}, UnhealthyLatency: seconds(1)})
	if n := testing.AllocsPerRun(1000, func() { o.Observe(m, pool.Outcome{Verdict: pool.Answered, Status: 200}) }); n != 0 {
		t.Errorf("%g allocations", n)
	}
	if m.Attachment(func() any { return "nothing" }) != "nothing" {
		t.Error("something is remembered of a backend that never failed")
	}
}

func BenchmarkPassiveSuccess(b *testing.B) {
	r := newObserved(b, 1, config.PassiveHealth{})
	m := r.Snapshot().Find("b0")
	o := NewPassive(&config.PassiveHealth{FailDuration: seconds(10), UnhealthyStatus: []int{5}, UnhealthyLatency: seconds(1)})
	b.ReportAllocs()
	for b.Loop() {
		o.Observe(m, pool.Outcome{Verdict: pool.Answered, Status: 200})
	}
}
