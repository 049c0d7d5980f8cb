package pool

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// rules of ejections for tests, without chance.
var testRules = Ejections{Base: 10 * time.Second, Max: time.Minute, MaxPercent: 50}

// newEjecting returns a pool that ejects by rules, and its events.
func newEjecting(t testing.TB, rules Ejections, addrs ...string) (*Pool, *recorder) {
	rec := &recorder{}
	def := define(t, addrs...)
	def.Sink, def.Ejections = rec.sink, rules
	p := newTestPool(t, nil, def)
	p.random = func() float64 { return 0 }
	return p, rec
}

// acquire gets a slot on a backend, by having been at all others; nil if there
// is none.
func acquire(t testing.TB, p *Pool, id string) *Member {
	t.Helper()
	var q Request
	for _, m := range p.Snapshot().Members {
		if m.id != id {
			q.MarkTried(m.Backend)
		}
	}
	m, err := p.Acquire(&q)
	if err != nil {
		return nil
	}
	if m.id != id {
		m.Release()
		return nil
	}
	return m
}

// settle waits until what was put off for milliseconds is done.
func settle() {
	time.Sleep(100 * time.Millisecond)
	synctest.Wait()
}

func wantState(t testing.TB, p *Pool, id string, want state) {
	t.Helper()
	if v, _, _ := p.ViewBackend(id); v.State != string(want) {
		t.Errorf("%s is %s, %q; want %s", id, v.State, v.Reason, want)
	}
}

func eject(t testing.TB, p *Pool, id string, want Decision) {
	t.Helper()
	if got := p.Eject(p.Snapshot().Find(id), time.Time{}, "5 failures"); got != want {
		t.Errorf("ejecting %s: decision %d, want %d", id, got, want)
	}
}

// A backend goes out, proves itself, and is in again; each failure on the way
// back doubles the time, and good behaviour takes that back.
func TestWayOutAndBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, rec := newEjecting(t, testRules, "a:1", "b:1")
		eject(t, p, "a:1", Ejected)
		for i, length := range []int{10, 20, 40, 60, 60, 60} {
			settle()
			v, _, _ := p.ViewBackend("a:1")
			if v.Accepting || v.Ejections != min(i+1, 4) || v.State != "ejected" || accepting(p) != "[b:1]" {
				t.Fatalf("ejected for the %d. time: %+v", i+1, v)
			}
			if left := time.Until(v.EjectedUntil); left != time.Duration(length)*time.Second-100*time.Millisecond {
				t.Fatalf("ejected for the %d. time: %s left", i+1, left)
			}
			time.Sleep(time.Until(v.EjectedUntil))
			synctest.Wait()
			m := acquire(t, p, "a:1")
			if m == nil || !m.OnTrial() {
				t.Fatalf("after the %d. time: no request on trial", i+1)
			}
			if got := p.Eject(m, time.Time{}, "failed again"); got != Ejected {
				t.Fatalf("decision %d", got)
			}
			m.Release()
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		wantState(t, p, "a:1", stateProbing)
		m := acquire(t, p, "a:1")
		p.Pass(m)
		m.Release()
		settle()
		wantState(t, p, "a:1", stateUp)
		time.Sleep(25 * time.Second) // twice the base time
		if v, _, _ := p.ViewBackend("a:1"); v.Ejections != 2 || v.Reason != "" || !v.EjectedUntil.IsZero() {
			t.Errorf("after 25 good seconds: %+v", v)
		}
		eject(t, p, "a:1", Ejected)
		settle()
		if v, _, _ := p.ViewBackend("a:1"); time.Until(v.EjectedUntil) != 40*time.Second-100*time.Millisecond {
			t.Errorf("%s left", time.Until(v.EjectedUntil))
		}
		want := []string{"backend_ejected a:1", "backend_probing a:1"}
		want = append(slices.Repeat(want, 7), "backend_returned a:1", "backend_ejected a:1")
		if got := rec.names(); !slices.Equal(got, want) {
			t.Errorf("events %v", got)
		}
	})
}

// On its return a backend gets one request at a time: the others go elsewhere,
// and what was under way from before has no part in it.
func TestOneRequestAtATimeOnReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := newEjecting(t, testRules, "a:1", "b:1")
		old := acquire(t, p, "a:1")
		eject(t, p, "a:1", Ejected)
		time.Sleep(11 * time.Second)
		synctest.Wait()
		wantState(t, p, "a:1", stateProbing)
		if got := p.Eject(old, time.Time{}, "late"); got != Moot {
			t.Errorf("a failure from before: decision %d", got)
		}
		p.Pass(old)
		wantState(t, p, "a:1", stateProbing)
		m := acquire(t, p, "a:1")
		if m == nil || !m.OnTrial() || old.OnTrial() {
			t.Fatal("the request on trial is not the new one")
		}
		for range 10 {
			if other := acquire(t, p, "a:1"); other != nil {
				t.Fatal("a second request at the same time")
			}
		}
		if v, _, _ := p.ViewBackend("a:1"); v.Accepting || !strings.HasPrefix(v.Reason, "returning: one request at a time") {
			t.Errorf("while it is tried: %+v", v)
		}
		old.Release() // gives nobody a turn
		if acquire(t, p, "a:1") != nil {
			t.Fatal("a second request, after one from before has ended")
		}
		m.Release() // its client left: nothing is decided
		wantState(t, p, "a:1", stateProbing)
		if v, _, _ := p.ViewBackend("a:1"); !v.Accepting {
			t.Errorf("while nobody tries: %+v", v)
		}
		m = acquire(t, p, "a:1")
		if m == nil {
			t.Fatal("the next one was not let in")
		}
		p.Pass(m)
		if acquire(t, p, "a:1") != nil {
			t.Error("somebody entered a trial that is over")
		}
		if v, _, _ := p.ViewBackend("a:1"); !v.Accepting || v.Reason != "" {
			t.Errorf("right after it has passed: %+v", v)
		}
		settle()
		// m goes on, as a tunnel does
		first, second := acquire(t, p, "a:1"), acquire(t, p, "a:1")
		if first == nil || second == nil {
			t.Fatal("one that has proved itself does not get all")
		}
		// what fails of the one that has passed is a failure like any other
		if m.OnTrial() {
			t.Error("still on trial")
		}
		if got := p.Eject(m, time.Time{}, "again"); got != Ejected {
			t.Errorf("decision %d", got)
		}
		time.Sleep(25 * time.Second)
		synctest.Wait()
		next := acquire(t, p, "a:1")
		if next == nil {
			t.Fatal("what is under way from earlier returns is in the way")
		}
		for _, m := range []*Member{next, m, first, second} {
			m.Release()
		}
	})
}

// A pick that began before the ejection, and ends while the backend is probing,
// does not come past the gate.
func TestLatePickMeetsTheGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		policy := &slowPolicy{}
		def := define(t, "a:1", "b:1")
		def.Policy, def.Ejections = policy, testRules
		p := newTestPool(t, nil, def)
		var trying *Member
		policy.during = func() {
			eject(t, p, "a:1", Ejected)
			time.Sleep(12 * time.Second)
			trying = p.Snapshot().Find("a:1")
			if !trying.reserve(trying.limit) {
				t.Error("no turn")
			}
		}
		m, err := p.Acquire(&Request{})
		must(t, err)
		if m.ID() != "b:1" {
			t.Errorf("picked %s", m.ID())
		}
		m.Release()
		trying.Release()
	})
}

// An ejection takes effect at once, for picks from the snapshot before as well.
func TestEjectionIsImmediate(t *testing.T) {
	p, _ := newEjecting(t, testRules, "a:1", "b:1")
	m := acquire(t, p, "a:1")
	m.Release()
	if got := p.Eject(m, time.Time{}, "x"); got != Ejected {
		t.Fatalf("decision %d", got)
	}
	if m.reserve(m.limit) || !m.Full() {
		t.Error("a backend that was just ejected takes requests")
	}
}

// A passed check ends the first ejection in a row only, and only if it began
// after that.
func TestProbeEndsEjection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := newEjecting(t, testRules, "a:1", "b:1")
		a := p.find("a:1")
		before := time.Now()
		time.Sleep(time.Second)
		p.ProbePassed(a, before)
		eject(t, p, "a:1", Ejected)
		p.ProbePassed(a, before)
		settle()
		wantState(t, p, "a:1", stateEjected)
		p.ProbePassed(a, time.Now())
		settle()
		wantState(t, p, "a:1", stateProbing)
		m := acquire(t, p, "a:1")
		p.Eject(m, time.Time{}, "failed again")
		m.Release()
		settle()
		p.ProbePassed(a, time.Now())
		settle()
		wantState(t, p, "a:1", stateEjected)

		// ejections for a fixed time go on, as in reverse_proxy
		fixed, _ := newEjecting(t, Ejections{}, "a:1", "b:1")
		fixed.Eject(fixed.Snapshot().Find("a:1"), time.Now().Add(time.Minute), "x")
		settle()
		fixed.ProbePassed(fixed.find("a:1"), time.Now())
		settle()
		wantState(t, fixed, "a:1", stateEjected)
	})
}

// A backend that was in maintenance is not what it was.
func TestMaintenanceEndsEjection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := newEjecting(t, testRules, "a:1", "b:1")
		eject(t, p, "a:1", Ejected)
		time.Sleep(11 * time.Second)
		synctest.Wait()
		m := acquire(t, p, "a:1")
		must(t, p.Patch("a:1", Patch{AdminState: ptr(Drain)}, Options{}))
		must(t, p.Patch("a:1", Patch{AdminState: ptr(Ready)}, Options{}))
		wantState(t, p, "a:1", stateProbing)
		must(t, p.Patch("a:1", Patch{AdminState: ptr(Maintenance)}, Options{}))
		wantState(t, p, "a:1", stateMaintenance)
		must(t, p.Patch("a:1", Patch{AdminState: ptr(Ready)}, Options{}))
		wantState(t, p, "a:1", stateUp)
		if v, _, _ := p.ViewBackend("a:1"); v.Ejections != 0 || m.OnTrial() {
			t.Errorf("%+v", v)
		}
		m.Release()
		eject(t, p, "b:1", Ejected) // there is room
	})
}

// A config without rules has nobody who would judge a request on trial.
func TestReloadEndsTrials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := newEjecting(t, testRules, "a:1", "b:1")
		eject(t, p, "a:1", Ejected)
		time.Sleep(11 * time.Second)
		synctest.Wait()
		m := acquire(t, p, "a:1")
		without := *p.def
		without.Ejections = Ejections{}
		p.Commit("config 2", &without)
		wantState(t, p, "a:1", stateUp)
		if got := p.Eject(m, time.Time{}, "x"); got != Moot {
			t.Errorf("decision %d", got)
		}
		p.Pass(m)
		m.Release()
		first, second := acquire(t, p, "a:1"), acquire(t, p, "a:1")
		if first == nil || second == nil {
			t.Fatal("still one at a time")
		}
		first.Release()
		second.Release()
		p.Withdraw("config 2")
		wantState(t, p, "a:1", stateUp)
	})
}

// An ejection survives a reload, and its return as well.
func TestEjectionSurvivesReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := newEjecting(t, testRules, "a:1", "b:1")
		reload := func(n int) {
			def := *p.def
			p.Commit(fmt.Sprint("config ", n+1), &def)
			p.Withdraw(fmt.Sprint("config ", n))
		}
		eject(t, p, "a:1", Ejected)
		reload(1)
		wantState(t, p, "a:1", stateEjected)
		time.Sleep(11 * time.Second)
		m := acquire(t, p, "a:1")
		reload(2)
		if acquire(t, p, "a:1") != nil {
			t.Error("the reload has let in a second one")
		}
		p.Pass(m)
		m.Release()
		settle()
		wantState(t, p, "a:1", stateUp)
	})
}

// Backends that prove themselves keep nobody from waiting or being refused as
// long as there are others, and do not hold up the rest.
func TestReturningBackendIsFullForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := newEjecting(t, testRules, "a:1", "b:1")
		must(t, p.Patch("b:1", Patch{MaxRequests: ptr(1)}, Options{}))
		eject(t, p, "a:1", Ejected)
		time.Sleep(11 * time.Second)
		synctest.Wait()
		a, b := acquire(t, p, "a:1"), acquire(t, p, "b:1")
		if _, err := p.Acquire(&Request{}); !errors.Is(err, ErrAllFull) {
			t.Errorf("error %v", err)
		}
		replaced := p.Snapshot().Replaced
		p.Pass(a)
		<-replaced // those who wait are told
		m, err := p.Acquire(&Request{})
		must(t, err)
		for _, m := range []*Member{a, b, m} {
			m.Release()
		}
	})
}

// Requests that wait get the turns of a backend that returns, one by one, and
// all that there is room for once it has proved itself.
func TestWaitersTryReturningBackend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		def := queueing(t, 10, time.Minute, 0, 1)
		def.Ejections = testRules
		p := newTestPool(t, nil, def)
		p.random = func() float64 { return 0 }
		eject(t, p, "a", Ejected)
		settle()
		first := come(p)
		guests := []*guest{come(p), come(p), come(p)}
		wantStates(t, []*guest{first}, "b")
		wantStates(t, guests, "waits", "waits", "waits")
		time.Sleep(10 * time.Second)
		wantStates(t, guests, "a", "waits", "waits")
		guests[0].leave() // its client has left
		wantStates(t, guests[1:], "a", "waits")
		if !guests[1].m.OnTrial() {
			t.Error("not on trial")
		}
		p.Pass(guests[1].m)
		settle()
		wantStates(t, guests[2:], "a")
		for _, g := range append(guests[1:], first) {
			g.leave()
		}
		wantQueue(t, p, 0)
	})
}
