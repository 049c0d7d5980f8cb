package pool

import (
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"
)

const testDecay = 10 * time.Second

// near compares times that went through a float32.
func near(got float64, want time.Duration) bool {
	return math.Abs(got-float64(want)) <= 0.002*float64(want)+1
}

// faded returns what is left of d after testDecay.
func faded(d time.Duration) time.Duration { return time.Duration(math.Round(float64(d) / math.E)) }

func TestPeakRisesAtOnceAndFallsSlowly(t *testing.T) {
	var p peak
	p = p.with(10*time.Millisecond, 0, testDecay)
	if !near(p.ns(), 10*time.Millisecond) {
		t.Errorf("the first is %v ns", p.ns())
	}
	if same := p.with(5*time.Millisecond, 0, testDecay); same != p {
		t.Errorf("a faster one in the same millisecond makes it %v ns", same.ns())
	}
	p = p.with(time.Second, 1, testDecay)
	if !near(p.ns(), time.Second) {
		t.Errorf("a slow one makes it %v ns", p.ns())
	}
	// after a decay, 1/e of it is left, whether there were one, many or no
	// answers meanwhile
	const end = peakClock(testDecay/time.Millisecond) + 1
	one := p.with(0, end, testDecay)
	many := p
	for at := peakClock(2); at <= end; at++ {
		many = many.with(0, at, testDecay)
	}
	want := faded(time.Second)
	for what, got := range map[string]float64{"one": one.ns(), "many": many.ns(), "none": p.decayed(testDecay, testDecay)} {
		if !near(got, want) {
			t.Errorf("with %s: %v ns, want %v", what, got, want)
		}
	}
}

// TestPeakSettles: with answers that take the same, it becomes that.
func TestPeakSettles(t *testing.T) {
	p := newPeak(float64(time.Minute), 0)
	for at := range peakClock(300_000) {
		p = p.with(2*time.Millisecond, at, testDecay)
	}
	if !near(p.ns(), 2*time.Millisecond) {
		t.Errorf("%v ns", p.ns())
	}
}

// TestPeakClockTurnsOver: 49 days make no difference; a reading that another
// goroutine has made later is no time at all.
func TestPeakClockTurnsOver(t *testing.T) {
	b := &Backend{since: time.Now()}
	const turn = time.Duration(1<<32) * time.Millisecond
	early, late := b.peakClock(b.since.Add(turn-time.Second)), b.peakClock(b.since.Add(turn+time.Second))
	if got := late.since(early); got != 2*time.Second {
		t.Errorf("got %v", got)
	}
	if got := early.since(late); got != 0 {
		t.Errorf("backwards: %v", got)
	}
	if got := b.peakClock(b.since.Add(-time.Hour)); got != 0 {
		t.Errorf("before the beginning: %d", got)
	}
}

// pacedPolicy asks for peaks.
type pacedPolicy struct{ rotate }

type pacedPicker struct{ Picker }

func (pacedPicker) Decay() time.Duration { return testDecay }

func (p pacedPolicy) NewPicker(members []*Member, _ Picker) Picker {
	return pacedPicker{p.rotate.NewPicker(members, nil)}
}

// paced runs a test with the member of a pool whose picker goes by peaks.
func paced(t *testing.T, test func(t *testing.T, p *Pool, m *Member)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := newTestPool(t, &watcher{}, &Definition{Backends: specs(t, "10.0.0.1"), Policy: pacedPolicy{}})
		test(t, p, p.Snapshot().Members[0])
	})
}

// expectPeak checks what is known of m now.
func expectPeak(t *testing.T, what string, m *Member, want time.Duration) {
	t.Helper()
	ns, known := m.Peak(time.Now(), testDecay)
	if !known || !near(ns, want) {
		t.Errorf("%s: %v, known %t; want %v", what, time.Duration(ns), known, want)
	}
}

func TestPeakOfOutcomes(t *testing.T) {
	err := errors.New("failed")
	tests := map[string]struct {
		outcomes []Outcome
		want     time.Duration // 0: nothing is known
	}{
		"answer":                 {[]Outcome{{Latency: 20 * time.Millisecond}}, 20 * time.Millisecond},
		"in no time":             {[]Outcome{{Status: 200}}, 1},
		"client's time":          {[]Outcome{{Latency: time.Minute, ClientTime: time.Minute - time.Millisecond}}, time.Millisecond},
		"client error":           {[]Outcome{{Status: 404, Latency: time.Millisecond}}, time.Millisecond},
		"not implemented":        {[]Outcome{{Status: 501, Latency: time.Millisecond}}, time.Millisecond},
		"fails fast":             {[]Outcome{{Latency: time.Millisecond}, {Verdict: Failed, Latency: 1, Err: err}}, time.Second},
		"fails fast, with 503":   {[]Outcome{{Latency: time.Millisecond}, {Status: 503, Latency: 1}}, time.Second},
		"fails fast, with 500":   {[]Outcome{{Latency: time.Millisecond}, {Status: 500, Latency: 1}}, time.Second},
		"fails, is slow as well": {[]Outcome{{Latency: time.Millisecond}, {Verdict: Failed, Latency: time.Minute, Err: err}}, time.Minute},
		"fails, is usually slow": {[]Outcome{{Latency: 3 * time.Second}, {Verdict: Failed, Latency: 1, Err: err}}, 30 * time.Second},
		"fails again and again": {[]Outcome{
			{Latency: 3 * time.Second}, {Status: 500, Latency: 1}, {Status: 500, Latency: 1}, {Status: 500, Latency: 1},
		}, 30 * time.Second},
		"has only failed":           {[]Outcome{{Verdict: Failed, Latency: 1, Err: err}}, 10 * time.Second},
		"this machine's fault":      {[]Outcome{{Latency: time.Millisecond}, {Verdict: LocalFault, Latency: time.Hour, Err: err}}, time.Millisecond},
		"client leaves":             {[]Outcome{{Latency: 20 * time.Millisecond}, {Verdict: ClientFault, Latency: time.Millisecond, Err: err}}, 20 * time.Millisecond},
		"client gives up":           {[]Outcome{{Latency: 20 * time.Millisecond}, {Verdict: ClientFault, Latency: 5 * time.Second, Err: err}}, 5 * time.Second},
		"first client leaves":       {[]Outcome{{Verdict: ClientFault, Latency: 500 * time.Millisecond, Err: err}}, 0},
		"first client gives up":     {[]Outcome{{Verdict: ClientFault, Latency: 5 * time.Second, Err: err}}, 5 * time.Second},
		"client sends slowly":       {[]Outcome{{Verdict: ClientFault, Latency: time.Minute, ClientTime: time.Minute, Err: err}}, 0},
		"client sends what is bad":  {[]Outcome{{Verdict: ClientFault, Err: err}}, 0},
		"slow one, then a fast one": {[]Outcome{{Latency: time.Second}, {Latency: time.Millisecond}}, time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			paced(t, func(t *testing.T, _ *Pool, m *Member) {
				for _, o := range test.outcomes {
					m.Observe(o)
				}
				if ns, known := m.Peak(time.Now(), testDecay); known != (test.want > 0) || !near(ns, test.want) {
					t.Errorf("%v, known %t; want %v", time.Duration(ns), known, test.want)
				}
			})
		})
	}
}

// TestPeakFadesWhileIdle, and only then: a backend that is waited for is as
// slow as it was, and then as it is silent.
func TestPeakFadesWhileIdle(t *testing.T) {
	paced(t, func(t *testing.T, _ *Pool, m *Member) {
		m.Observe(Outcome{Latency: time.Second})
		time.Sleep(testDecay)
		expectPeak(t, "idle", m, faded(time.Second))

		m.BeginWait(time.Now())
		time.Sleep(100 * time.Millisecond)
		expectPeak(t, "waited for", m, faded(time.Second))
		time.Sleep(4900 * time.Millisecond)
		expectPeak(t, "waited for longer than it took before", m, 5*time.Second)

		m.BeginWait(time.Now()) // a second one
		m.Observe(Outcome{Latency: 5 * time.Second})
		m.EndWait()
		time.Sleep(time.Second)
		expectPeak(t, "silent for a second since it answered another", m, 5*time.Second)
		m.EndWait() // its client has left
		time.Sleep(testDecay - time.Second)
		expectPeak(t, "idle again", m, faded(5*time.Second))
	})
}

// TestPeakOfSilence: clients that leave do not make the backend look as if it
// had answered.
func TestPeakOfSilence(t *testing.T) {
	paced(t, func(t *testing.T, _ *Pool, m *Member) {
		m.BeginWait(time.Now())
		time.Sleep(time.Second)
		if ns, known := m.Peak(time.Now(), testDecay); known || !near(ns, time.Second) {
			t.Errorf("nothing was seen yet: %v ns, known %t", ns, known)
		}
		m.BeginWait(time.Now())
		time.Sleep(time.Second)
		m.Observe(Outcome{Verdict: ClientFault, Latency: 2 * time.Second, Err: errors.New("left")})
		m.EndWait()
		time.Sleep(time.Second)
		expectPeak(t, "two clients came and one left", m, 3*time.Second)
		m.EndWait()
	})
}

// TestPeakOutlivesSnapshots, config reloads, and that another policy was in
// force meanwhile.
func TestPeakOutlivesSnapshots(t *testing.T) {
	paced(t, func(t *testing.T, p *Pool, m *Member) {
		m.Observe(Outcome{Latency: time.Second})
		m.BeginWait(time.Now())
		p.Commit("config 1", &Definition{Backends: specs(t, "10.0.0.1"), Policy: rotate{}})
		other := p.Snapshot().Members[0]
		other.Observe(Outcome{Latency: time.Hour})
		other.EndWait()
		p.Commit("config 1", &Definition{Backends: specs(t, "10.0.0.1"), Policy: pacedPolicy{}})
		expectPeak(t, "with the policy again", p.Snapshot().Members[0], time.Second)
	})
}

// TestPeakIsShown while a picker goes by it.
func TestPeakIsShown(t *testing.T) {
	paced(t, func(t *testing.T, p *Pool, m *Member) {
		if got := p.View().Backends[0].PeakLatency; got != 0 {
			t.Errorf("%v before anything was seen", got)
		}
		m.Observe(Outcome{Latency: time.Second})
		time.Sleep(testDecay)
		if got := p.View().Backends[0].PeakLatency; !near(float64(got), faded(time.Second)) {
			t.Errorf("got %v", got)
		}
		p.Commit("config 1", &Definition{Backends: specs(t, "10.0.0.1"), Policy: rotate{}})
		if got := p.View().Backends[0].PeakLatency; got != 0 {
			t.Errorf("%v with another policy", got)
		}
	})
}

func TestObservePeakAllocatesNothing(t *testing.T) {
	paced(t, func(t *testing.T, _ *Pool, m *Member) {
		if n := testing.AllocsPerRun(100, func() {
			m.BeginWait(time.Now())
			m.Observe(Outcome{Latency: time.Millisecond})
			m.EndWait()
			m.Peak(time.Now(), testDecay)
		}); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}
