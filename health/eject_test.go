package health

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

var (
	good   = pool.Outcome{Verdict: pool.Answered, Status: 200}
	failed = pool.Outcome{Verdict: pool.Failed, Err: errRefused}
	gone   = pool.Outcome{Verdict: pool.ClientFault, Err: errRefused}
	local  = pool.Outcome{Verdict: pool.LocalFault, Err: errRefused}
	broken = pool.Outcome{Verdict: pool.Failed, Status: 200, Late: true}
)

// each observes outcomes of requests to b0, one after the other.
func (r *rig) each(outcomes ...pool.Outcome) {
	for _, o := range outcomes {
		r.observe("b0", o)
	}
	settled()
}

func repeat(n int, outcomes ...pool.Outcome) (list []pool.Outcome) {
	for range n {
		list = append(list, outcomes...)
	}
	return list
}

func (r *rig) wantState(t *testing.T, id, state string) {
	t.Helper()
	if v := r.view(t, id); v.State != state {
		t.Errorf("%s is %s, %q; want %s", id, v.State, v.Reason, state)
	}
}

func (r *rig) wantReason(t *testing.T, id, reason string) {
	t.Helper()
	if v := r.view(t, id); v.Reason != reason {
		t.Errorf("%s: %q, want %q", id, v.Reason, reason)
	}
}

func TestFailuresInARow(t *testing.T) {
	for _, test := range []struct {
		name     string
		maxFails int
		outcomes []pool.Outcome
		reason   string
	}{
		{"four", 0, repeat(4, failed), ""},
		{"five", 0, repeat(5, failed), "ejected: 5 failures in a row, the last: connection refused"},
		{"three of three", 3, repeat(3, failed), "ejected: 3 failures in a row, the last: connection refused"},
		{"one of one", 1, repeat(1, failed), "ejected: connection refused"},
		{"with a success", 3, append(repeat(2, failed), good, failed, failed), ""},
		{"every other one", 2, repeat(50, failed, good), ""},
		{"by clients and by this machine", 1, repeat(20, gone, local), ""},
		{"clients in between", 3, repeat(3, failed, gone), "ejected: 3 failures in a row, the last: connection refused"},
		{"broken answers", 3, repeat(3, good, broken), "ejected: 3 failures in a row, the last: no response"},
		{"a broken answer now and then", 2, repeat(20, good, broken, good), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newObserved(t, 2, config.PassiveHealth{EjectTime: seconds(10), MaxFails: test.maxFails})
				r.each(test.outcomes...)
				r.wantReason(t, "b0", test.reason)
			})
		})
	}
}

func TestFailureRatio(t *testing.T) {
	for _, test := range []struct {
		name     string
		outcomes []pool.Outcome
		reason   string
	}{
		{"too few", repeat(9, failed), ""},
		{"all of ten", repeat(10, failed), "ejected: 10 of 10 requests within 10s failed, the last: connection refused"},
		{"half of ten", repeat(5, good, failed), "ejected: 5 of 10 requests within 10s failed, the last: connection refused"},
		{"less than half", repeat(20, good, good, failed), ""},
		{"with clients that leave", repeat(9, failed, gone, local), ""},
		{"half are broken", repeat(5, good, good, broken), "ejected: 5 of 10 requests within 10s failed, the last: no response"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newObserved(t, 2, config.PassiveHealth{FailRatio: 0.5, MinRequests: 10})
				r.each(test.outcomes...)
				r.wantReason(t, "b0", test.reason)
			})
		})
	}
}

// Failures are forgotten little by little.
func TestFailureRatioSlides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newObserved(t, 2, config.PassiveHealth{FailRatio: 0.5, MinRequests: 10, FailDuration: seconds(20)})
		for range 100 { // nine failures in any window, and never ten
			r.each(failed)
			time.Sleep(2300 * time.Millisecond)
		}
		r.wantState(t, "b0", "up")
		r.each(failed, failed, failed)
		r.wantState(t, "b0", "ejected")
		if v := r.view(t, "b0"); !strings.Contains(v.Reason, "requests within 20s failed") {
			t.Errorf("reason %s", v.Reason)
		}
	})
}

// A ratio and a number in a row, whichever is first.
func TestRatioAndRow(t *testing.T) {
	cfg := config.PassiveHealth{FailRatio: 0.3, MinRequests: 20, MaxFails: 3, EjectTime: seconds(5)}
	for reason, outcomes := range map[string][]pool.Outcome{
		"ejected: 3 failures in a row, the last: connection refused":                repeat(3, failed),
		"ejected: 7 of 21 requests within 10s failed, the last: connection refused": repeat(7, good, good, failed),
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newObserved(t, 2, cfg)
			r.each(outcomes...)
			r.wantReason(t, "b0", reason)
		})
	}
}

// served makes a request through the pool to the backend, if that has room for
// it, and reports its outcome.
func (r *rig) served(t *testing.T, id string, o pool.Outcome) bool {
	t.Helper()
	m := r.Snapshot().Find(id)
	var q pool.Request
	if m.Index < 0 || !q.Take(m) {
		return false
	}
	m.Observe(o)
	m.Release()
	settled()
	return true
}

func TestReturnOfEjected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newObserved(t, 2, config.PassiveHealth{EjectTime: seconds(10), MaxFails: 2, UnhealthyStatus: []int{5}})
		old := r.Snapshot().Find("b0")
		r.each(failed, failed, failed, failed)
		if v := r.view(t, "b0"); v.Ejections != 1 || time.Until(v.EjectedUntil) > 11*time.Second {
			t.Errorf("requests that were under way count: %+v", v)
		}
		if r.served(t, "b0", good) {
			t.Error("a request came through while it was ejected")
		}
		time.Sleep(11 * time.Second)
		synctest.Wait()
		r.wantState(t, "b0", "probing")
		old.Observe(good) // from before
		old.Observe(failed)
		settled()
		r.wantState(t, "b0", "probing")
		r.served(t, "b0", gone)
		r.served(t, "b0", local)
		r.wantState(t, "b0", "probing")
		r.served(t, "b0", pool.Outcome{Verdict: pool.Answered, Status: 503})
		r.wantReason(t, "b0", "ejected: failed again after its return: HTTP 503")
		if v := r.view(t, "b0"); v.Ejections != 2 || time.Until(v.EjectedUntil) < 19*time.Second {
			t.Errorf("%+v", v)
		}
		time.Sleep(22 * time.Second)
		synctest.Wait()
		if !r.served(t, "b0", good) {
			t.Error("nobody was let in")
		}
		r.wantState(t, "b0", "up")
		r.each(failed) // what was before is forgotten
		r.wantState(t, "b0", "up")
		r.each(failed)
		r.wantState(t, "b0", "ejected")
		got := r.events.take()
		want := "[backend_ejected b0 ejected: 2 failures in a row, the last: connection refused" +
			" backend_probing b0 returning: one request at a time until one succeeds" +
			" backend_ejected b0 ejected: failed again after its return: HTTP 503" +
			" backend_probing b0 returning: one request at a time until one succeeds" +
			" backend_returned b0" +
			" backend_ejected b0 ejected: 2 failures in a row, the last: connection refused]"
		if got != want {
			t.Errorf("events %s", got)
		}
	})
}

// Failures that cannot eject are told of once, and cost little.
func TestKeptIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newObserved(t, 2, config.PassiveHealth{EjectTime: seconds(1000), MaxFails: 2})
		for _, id := range []string{"b0", "b1"} {
			for range 1000 {
				r.observe(id, failed)
			}
		}
		settled()
		r.wantState(t, "b0", "ejected")
		r.wantState(t, "b1", "up")
		if got := strings.Count(r.events.take(), "backend_kept b1"); got != 1 {
			t.Errorf("told %d times", got)
		}
		// as soon as there is room, the next failure ejects it
		r.Patch("b0", pool.Patch{AdminState: adminState(pool.Maintenance)}, pool.Options{Force: true})
		if _, err := r.Add(spec(t, 2), pool.Options{}); err != nil {
			t.Fatal(err)
		}
		if err := r.Remove("b0", pool.Options{}); err != nil {
			t.Fatal(err)
		}
		settled()
		r.observe("b1", failed)
		settled()
		r.wantState(t, "b1", "ejected")
		if n := testing.AllocsPerRun(100, func() { r.observe("b2", pool.Outcome{Verdict: pool.ClientFault}) }); n > 0 {
			t.Errorf("%v allocations", n)
		}
	})
}

func adminState(s pool.AdminState) *pool.AdminState { return &s }

// Only a request to the backend itself is a reason to end an ejection.
func TestMeaningfulProbes(t *testing.T) {
	for _, test := range []struct {
		settings config.ActiveHealth
		want     bool
	}{
		{config.ActiveHealth{}, false},
		{config.ActiveHealth{Port: 81}, false},
		{config.ActiveHealth{URI: "/health"}, true},
		{config.ActiveHealth{URI: "/health", Port: 81}, true},
		{config.ActiveHealth{URI: "/health", Upstream: "10.0.0.1:80"}, false},
	} {
		if got := meansSomething(&test.settings); got != test.want {
			t.Errorf("%+v: %t", test.settings, got)
		}
	}
}

// Many requests fail and succeed at the same time: no more are ejected than may
// be, and all is given back.
func TestEjectionsUnderLoad(t *testing.T) {
	cfg := config.PassiveHealth{EjectTime: caddy.Duration(time.Millisecond), MaxEjectTime: caddy.Duration(2 * time.Millisecond), FailRatio: 0.2, MinRequests: 5, MaxFails: 3}
	const n = 6
	r := newObserved(t, n, cfg)
	var workers sync.WaitGroup
	for w := range 8 {
		workers.Go(func() {
			for i := range 3000 {
				id := fmt.Sprintf("b%d", (i+w)%n)
				m := r.Snapshot().Find(id)
				var q pool.Request
				if m.Index < 0 || !q.Take(m) {
					continue
				}
				if (i+w)%3 == 0 {
					m.Observe(failed)
				} else {
					m.Observe(good)
				}
				m.Release()
			}
		})
	}
	workers.Wait()
	out := 0
	for _, v := range r.View().Backends {
		if v.State == "ejected" || v.State == "probing" {
			out++
		}
		if v.InFlight != 0 {
			t.Errorf("%s: %d in flight", v.ID, v.InFlight)
		}
	}
	if out > n/2 {
		t.Errorf("%d are out", out)
	}
}

func TestRatioCostsNoMemory(t *testing.T) {
	cfg := &config.PassiveHealth{FailRatio: 0.5, MinRequests: 10, EjectTime: seconds(10), MaxFails: 3}
	r := newObserved(t, 2, *cfg)
	if n := testing.AllocsPerRun(1000, func() { r.observe("b0", good) }); n != 0 {
		t.Errorf("%g allocations", n)
	}
}

func BenchmarkRatioSuccess(b *testing.B) {
	cfg := &config.PassiveHealth{FailRatio: 0.5, MinRequests: 10, MaxFails: 3}
	r := newObserved(b, 2, *cfg)
	m, o := r.Snapshot().Find("b0"), NewPassive(cfg)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			o.Observe(m, good)
		}
	})
}
