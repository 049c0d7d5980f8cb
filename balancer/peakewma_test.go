package balancer

import (
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool/pooltest"
)

const peakConfig = `{"policy": "peak_ewma"}`

func TestPeakEWMAAdaptation(t *testing.T) {
	testAdaptation(t, []adaptation{
		{input: `peak_ewma`, json: `{"policy": "peak_ewma"}`},
		{input: "peak_ewma {\n decay 3s\n}", json: `{"policy": "peak_ewma", "decay": 3000000000}`},
		{input: `peak_ewma 3s`, err: "wrong argument count"},
		{input: "peak_ewma {\n decay\n}", err: "wrong argument count"},
		{input: "peak_ewma {\n decay 1s 2s\n}", err: "wrong argument count"},
		{input: "peak_ewma {\n decay 1s\n decay 2s\n}", err: "decay is specified twice"},
		{input: "peak_ewma {\n decay soon\n}", err: `decay "soon"`},
		{input: "peak_ewma {\n decay 10ms\n}", err: "decay 10ms: must be within 100ms to 1h0m0s"},
		{input: "peak_ewma {\n decay 0\n}", err: "decay 0s: must be within"},
		{input: "peak_ewma {\n penalty 1s\n}", err: `unrecognized option "penalty"`},
	})
	for _, decay := range []string{`"1ms"`, `"-1s"`, `"2h"`} {
		if _, err := tryPolicy(t, `{"policy": "peak_ewma", "decay": `+decay+`}`); err == nil || !strings.Contains(err.Error(), "must be within") {
			t.Errorf("decay %s: %v", decay, err)
		}
	}
	if p := newPolicy(t, peakConfig).(*PeakEWMA); time.Duration(p.Decay) != 10*time.Second {
		t.Errorf("the default is %v", time.Duration(p.Decay))
	}
}

// TestPeakEWMAAgainstOthers has one backend of three that takes ten times as
// long as the others.
func TestPeakEWMAAgainstOthers(t *testing.T) {
	tests := map[string]struct {
		share float64 // of the slow one, at most
		p99   time.Duration
	}{
		`{"policy": "round_robin"}`:   {0.34, 130 * time.Millisecond},
		`{"policy": "least_conn"}`:    {0.15, 130 * time.Millisecond},
		`{"policy": "random_choose"}`: {0.15, 130 * time.Millisecond},
		peakConfig:                    {0.005, 13 * time.Millisecond},
	}
	for policy, want := range tests {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			s := simulation{policy: policy, rate: 200, duration: 60 * time.Second, backends: []answerer{
				takes(10 * time.Millisecond), takes(100 * time.Millisecond), takes(10 * time.Millisecond),
			}}
			all := s.run(t)
			t.Logf("the slow one got %.1f %%; p50 %v, p99 %v", 100*all.share(1), all.quantile(0.5), all.quantile(0.99))
			if share, p99 := all.share(1), all.quantile(0.99); share > want.share || p99 > want.p99 {
				t.Errorf("the slow one got %.3f, p99 is %v; want at most %.3f and %v", share, p99, want.share, want.p99)
			}
			if policy != peakConfig && all.quantile(0.99) < 100*time.Millisecond {
				t.Error("p99 is not that of the slow one: the simulation shows nothing")
			}
		})
	}
}

// TestPeakEWMATraps has one backend of three that tempts policies which go by
// time. The others take 10 ms.
func TestPeakEWMATraps(t *testing.T) {
	const usual, slow, change = 10 * time.Millisecond, 200 * time.Millisecond, 20 * time.Second
	tests := map[string]struct {
		backend                 answerer
		firstSecond, sinceLeast float64 // of the requests; since the change
		sinceMost               float64
	}{
		"fails at once":          {fails, 0.05, 0, 0.002},
		"is unavailable at once": {unavailable, 0.05, 0, 0.002},
		"answers nothing":        {hangs, 0.05, 0, 0.002},
		"begins to fail":         {until(change, takes(usual), fails), 0.45, 0, 0.002},
		"begins to hang":         {until(change, takes(usual), hangs), 0.45, 0, 0.002},
		"becomes slow":           {until(change, takes(usual), takes(slow)), 0.45, 0, 0.005},
		"recovers from slowness": {until(change, takes(slow), takes(usual)), 0.05, 0.15, 0.36},
		"recovers from failures": {until(change, fails, takes(usual)), 0.05, 0.02, 0.36},
		"takes no time":          {takes(100 * time.Microsecond), 0.7, 0.55, 0.7},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := simulation{policy: peakConfig, rate: 200, duration: 80 * time.Second, backends: []answerer{takes(usual), test.backend, takes(usual)}}
			all := s.run(t)
			first, since := all.between(0, time.Second).share(1), all.between(change, s.duration).share(1)
			t.Logf("got %.4f in the first second, %.4f since the change", first, since)
			if first > test.firstSecond || since < test.sinceLeast || since > test.sinceMost {
				t.Errorf("got %.4f in the first second, want at most %.3f; then %.4f, want %.3f to %.3f",
					first, test.firstSecond, since, test.sinceLeast, test.sinceMost)
			}
		})
	}
}

// TestPeakEWMAHangingBackendLosesTrafficAtOnce: it gets no more than a few
// requests before it is left alone, however many come.
func TestPeakEWMAHangingBackendLosesTrafficAtOnce(t *testing.T) {
	const change = 5 * time.Second
	s := simulation{policy: peakConfig, rate: 1000, duration: 2 * change, backends: []answerer{
		takes(10 * time.Millisecond), until(change, takes(10*time.Millisecond), hangs), takes(10 * time.Millisecond),
	}}
	lost := 0
	for _, v := range s.run(t).between(change, 2*change) {
		if v.failed {
			lost++
		}
	}
	t.Logf("%d of 5000 requests were lost", lost)
	if lost == 0 || lost > 25 {
		t.Errorf("%d requests were lost, want a few", lost)
	}
}

// TestPeakEWMAColdBackend joins others that are busy: no history is not free,
// and not slow either.
func TestPeakEWMAColdBackend(t *testing.T) {
	const joins = 10 * time.Second
	for name, test := range map[string]struct {
		takes       time.Duration
		least, most float64 // of the requests in the first second
		end         float64 // in the last ten
	}{
		"as fast":        {10 * time.Millisecond, 0.15, 0.40, 0.25},
		"much slower":    {time.Second, 0.005, 0.05, 0},
		"much faster":    {time.Millisecond, 0.3, 0.7, 0.4},
		"of a long poll": {5 * time.Second, 0.005, 0.05, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := simulation{policy: peakConfig, rate: 200, duration: 3 * joins, backends: []answerer{
				takes(10 * time.Millisecond), takes(10 * time.Millisecond), takes(test.takes),
			}}
			s.prepare = func(p *pool.Pool) {
				out, in := pool.Maintenance, pool.Ready
				if err := p.Patch("b2", pool.Patch{AdminState: &out}, pool.Options{}); err != nil {
					t.Fatal(err)
				}
				time.AfterFunc(joins, func() {
					if err := p.Patch("b2", pool.Patch{AdminState: &in}, pool.Options{}); err != nil {
						t.Error(err)
					}
				})
			}
			all := s.run(t)
			first, last := all.between(joins, joins+time.Second).share(2), all.between(2*joins, 3*joins).share(2)
			t.Logf("got %.3f in its first second, %.3f in the last ten", first, last)
			if first < test.least || first > test.most || last < test.end {
				t.Errorf("got %.3f in its first second, want %.3f to %.3f; %.3f in the last ten, want at least %.2f", first, test.least, test.most, last, test.end)
			}
		})
	}
}

// TestPeakEWMANoise: what a network and a scheduler do to backends that answer
// in no time must not keep traffic from any for long.
func TestPeakEWMANoise(t *testing.T) {
	noisy := func(rng *rand.Rand, _ time.Duration) (time.Duration, pool.Outcome) {
		d := time.Duration(50+rng.IntN(200)) * time.Microsecond
		if rng.IntN(1000) == 0 {
			d = time.Millisecond
		}
		return d, pool.Outcome{Status: 200}
	}
	s := simulation{policy: peakConfig, rate: 300, duration: 40 * time.Second, backends: []answerer{noisy, noisy, noisy}}
	all := s.run(t)
	for start := time.Duration(0); start < s.duration; start += 10 * time.Second {
		part := all.between(start, start+10*time.Second)
		t.Logf("%.3f %.3f %.3f", part.share(0), part.share(1), part.share(2))
		for i := range 3 {
			if share := part.share(i); share < 0.2 || share > 0.5 {
				t.Errorf("from %v, backend %d got %.3f", start, i, share)
			}
		}
	}
}

// TestPeakEWMAWeights: backends that are equally fast are used in proportion to
// their weights, with few requests at a time and with many.
func TestPeakEWMAWeights(t *testing.T) {
	for _, rate := range []int{20, 600} {
		s := simulation{policy: peakConfig, weights: []int{4, 1, 1, 2}, rate: rate, duration: time.Minute}
		for range s.weights {
			s.backends = append(s.backends, takes(20*time.Millisecond))
		}
		all := s.run(t)
		for i, weight := range s.weights {
			want := float64(weight) / 8
			got := all.share(i)
			t.Logf("%d/s: %d got %.3f", rate, i, got)
			if got < 0.75*want || got > 1.35*want {
				t.Errorf("%d/s: backend %d of weight %d got %.3f, want about %.3f", rate, i, weight, got, want)
			}
		}
	}
}

// TestPeakEWMATunnels: requests in flight count, and those which were answered
// do not make a backend look slow for being there.
func TestPeakEWMATunnels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := seededPool(t, newPolicy(t, peakConfig), pooltest.Spec(t, 0, 1), pooltest.Spec(t, 1, 1))
		q := seeded(1)
		var tunnels [2]int
		for range 100 {
			m, err := p.Acquire(q)
			if err != nil {
				t.Fatal(err)
			}
			m.BeginWait(time.Now())
			time.Sleep(time.Millisecond)
			m.EndWait()
			m.Observe(pool.Outcome{Status: 101, Latency: time.Millisecond})
			tunnels[m.Index]++
			time.Sleep(time.Second)
		}
		if tunnels[0] < 40 || tunnels[0] > 60 {
			t.Errorf("tunnels are shared out as %v", tunnels)
		}
		time.Sleep(time.Hour)
		for _, m := range p.Snapshot().Members {
			if ns, _ := m.Peak(time.Now(), 10*time.Second); ns > float64(time.Microsecond) {
				t.Errorf("%s counts as taking %v", m.ID(), time.Duration(ns))
			}
			for range tunnels[m.Index] {
				m.Release()
			}
		}
	})
}

// TestPeakEWMACostsTogether: the picked one has the least of time and load
// together, whichever is drawn first.
func TestPeakEWMACostsTogether(t *testing.T) {
	const ms = time.Millisecond
	tests := map[string]struct {
		took     [2]time.Duration // 0: nothing is known
		inFlight [2]int
		weights  [2]int
		want     int // -1: whichever is drawn first
	}{
		"faster":                 {[2]time.Duration{10 * ms, 20 * ms}, [2]int{0, 0}, [2]int{1, 1}, 0},
		"about the same":         {[2]time.Duration{10 * ms, 11 * ms}, [2]int{0, 0}, [2]int{1, 1}, -1},
		"faster, but busy":       {[2]time.Duration{10 * ms, 20 * ms}, [2]int{4, 0}, [2]int{1, 1}, 1},
		"faster, in no time":     {[2]time.Duration{ms / 100, ms / 10}, [2]int{0, 0}, [2]int{1, 1}, -1},
		"busier":                 {[2]time.Duration{ms / 100, ms / 10}, [2]int{1, 0}, [2]int{1, 1}, 1},
		"as busy for its weight": {[2]time.Duration{10 * ms, 10 * ms}, [2]int{10, 1}, [2]int{10, 1}, -1},
		"busier for its weight":  {[2]time.Duration{10 * ms, 10 * ms}, [2]int{2, 2}, [2]int{10, 1}, 0},
		"unknown":                {[2]time.Duration{0, 500 * ms}, [2]int{0, 0}, [2]int{1, 1}, -1},
		"unknown, and busy":      {[2]time.Duration{0, 500 * ms}, [2]int{1, 0}, [2]int{1, 1}, 1},
		"both unknown":           {[2]time.Duration{0, 0}, [2]int{3, 2}, [2]int{1, 1}, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := seededPool(t, newPolicy(t, peakConfig), pooltest.Spec(t, 0, test.weights[0]), pooltest.Spec(t, 1, test.weights[1]))
				members := p.Snapshot().Members
				for i, m := range members {
					if test.took[i] > 0 {
						m.Observe(pool.Outcome{Latency: test.took[i]})
					}
					hold(m, test.inFlight[i])
				}
				picked := [2]int{}
				for seed := range uint64(200) {
					m := p.Snapshot().Tiers[0].Picker.Pick(seeded(seed))
					picked[m.Index]++
					m.Release()
				}
				switch {
				case test.want < 0 && (picked[0] == 0 || picked[1] == 0):
					t.Errorf("got %v, want both", picked)
				case test.want >= 0 && picked[test.want] != 200:
					t.Errorf("got %v, want only %d", picked, test.want)
				}
			})
		})
	}
}

func BenchmarkPeakEWMA(b *testing.B) { benchmarkPolicy(b, peakConfig) }
