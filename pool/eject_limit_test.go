package pool

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestMostEjected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, rec := newEjecting(t, testRules, "a:1", "b:1", "c:1", "d:1", "e:1")
		eject(t, p, "a:1", Ejected)
		time.Sleep(5 * time.Second)
		eject(t, p, "b:1", Ejected)
		for range 5 {
			eject(t, p, "c:1", Kept)
		}
		time.Sleep(6 * time.Second)
		synctest.Wait()
		wantState(t, p, "a:1", stateProbing)
		eject(t, p, "c:1", Kept) // a has not proved itself yet
		m := acquire(t, p, "a:1")
		p.Pass(m)
		m.Release()
		settle()
		eject(t, p, "c:1", Ejected)
		settle()
		if got := accepting(p); got != "[a:1 d:1 e:1]" {
			t.Errorf("accepting %s", got)
		}
		want := "[backend_ejected a:1 backend_ejected b:1 backend_kept c:1 backend_probing a:1 backend_returned a:1 backend_ejected c:1]"
		if got := fmt.Sprint(rec.names()); got != want && !strings.Contains(got, "backend_kept c:1 backend_ejected b:1") {
			t.Errorf("events %s", got)
		}
		rec.mu.Lock()
		defer rec.mu.Unlock()
		i := slices.IndexFunc(rec.events, func(e Event) bool { return e.Name == EventKept })
		if got := rec.events[i].Reason; got != "max_ejected: 2 of 5 backends are ejected; 5 failures" {
			t.Errorf("reason %q", got)
		}
	})
}

// The last backend that accepts stays, whatever else keeps the others out.
func TestLastOneStays(t *testing.T) {
	all := Ejections{Base: 10 * time.Second, Max: time.Minute, MaxPercent: 100}
	for name, out := range map[string]func(t *testing.T, p *Pool){
		"ejected": func(t *testing.T, p *Pool) { eject(t, p, "b:1", Ejected) },
		"down":    func(_ *testing.T, p *Pool) { p.SetHealth(p.find("b:1"), Down, "refused") },
		"drained": func(t *testing.T, p *Pool) { must(t, p.Patch("b:1", Patch{AdminState: ptr(Drain)}, Options{})) },
		"removed": func(t *testing.T, p *Pool) { must(t, p.Remove("b:1", Options{})) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, rec := newEjecting(t, all, "a:1", "b:1")
				out(t, p)
				for range 3 {
					eject(t, p, "a:1", Kept)
					if got := p.Eject(p.Snapshot().Find("a:1"), time.Now().Add(time.Hour), "x"); got != Kept {
						t.Errorf("for a fixed time: decision %d", got)
					}
				}
				settle()
				if got := accepting(p); got != "[a:1]" {
					t.Errorf("accepting %s", got)
				}
				if n := strings.Count(fmt.Sprint(rec.names()), "backend_kept a:1"); n != 1 {
					t.Errorf("told %d times", n)
				}
			})
		})
	}
}

// If all others go down, those that are ejected serve, as many requests as
// there are; when others are there again, they have to prove themselves.
func TestEjectionsEndWhenNobodyIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := newEjecting(t, testRules, "a:1", "b:1")
		b := p.find("b:1")
		eject(t, p, "a:1", Ejected)
		settle()
		p.SetHealth(b, Down, "refused")
		settle()
		wantState(t, p, "a:1", stateProbing)
		first, second := acquire(t, p, "a:1"), acquire(t, p, "a:1")
		if first == nil || second == nil {
			t.Fatal("the only one that is left gets one request at a time")
		}
		if got := p.Eject(first, time.Time{}, "failed"); got != Kept {
			t.Errorf("decision %d", got)
		}
		first.Release()
		p.SetHealth(b, Up, "")
		settle()
		wantState(t, p, "a:1", stateProbing)
		one := acquire(t, p, "a:1")
		if one == nil || acquire(t, p, "a:1") != nil {
			t.Error("it gets not one request at a time")
		}
		p.Pass(second) // as good as any
		settle()
		wantState(t, p, "a:1", stateUp)
		second.Release()
		one.Release()
		if got := p.find("a:1").InFlight(); got != 0 {
			t.Errorf("%d in flight", got)
		}
	})
}

// With its health ignored, a pool serves with all backends that are down, the
// ejected ones among them.
func TestIgnoredHealthAndEjections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, rec := newEjecting(t, testRules, "a:1", "b:1", "c:1")
		def := *p.def
		def.IgnoreHealthWhenAllDown = true
		p.Commit("config 1", &def)
		eject(t, p, "a:1", Ejected)
		settle()
		for _, id := range []string{"a:1", "b:1", "c:1"} {
			p.SetHealth(p.find(id), Down, "refused")
		}
		settle()
		if got := accepting(p); got != "[a:1 b:1 c:1]" || !p.Snapshot().HealthIgnored {
			t.Errorf("accepting %s", got)
		}
		for id, want := range map[string]string{
			"a:1": "ejected: 5 failures; serves all the same, as no backend is up",
			"b:1": "down: refused; serves all the same, as no backend is up",
		} {
			if v, _, _ := p.ViewBackend(id); v.Reason != want {
				t.Errorf("%s: %q", id, v.Reason)
			}
		}
		p.SetHealth(p.find("c:1"), Up, "")
		settle()
		if got := accepting(p); got != "[c:1]" || p.Snapshot().HealthIgnored {
			t.Errorf("accepting %s", got)
		}
		wantState(t, p, "a:1", stateEjected)
		if v, _, _ := p.ViewBackend("b:1"); v.Reason != "down: refused" {
			t.Errorf("%q", v.Reason)
		}
		want := []string{"backend_ejected a:1", "backend_down b:1", "backend_down c:1", "backend_up c:1"}
		if got := rec.names(); !slices.Equal(got, want) {
			t.Errorf("events %v", got)
		}
	})
}
