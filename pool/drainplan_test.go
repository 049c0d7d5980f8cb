package pool

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

func TestPlanBelongsToDraining(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestPool(t, nil, define(t, "a:1", "b:1"))
		for range 2 { // so that no drain ends
			_, err := p.Acquire(&Request{})
			must(t, err)
		}
		plan := func() DrainPlan { return p.Snapshot().Find("a:1").Spec.Drain }
		began := wallTime(time.Now())
		must(t, p.Patch("a:1", Patch{AdminState: ptr(Drain)}, Options{}))
		wantSame(t, "plan of a plain drain", plan(), DrainPlan{Since: began})

		time.Sleep(time.Minute)
		until := time.Now().Add(time.Hour)
		must(t, p.Patch("a:1", Patch{AdminState: ptr(Drain), Drain: &DrainPlan{Deadline: until, Then: ThenRemove}}, Options{}))
		want := DrainPlan{Since: began, Deadline: wallTime(until), Then: ThenRemove}
		wantSame(t, "plan that was given later", plan(), want)

		must(t, p.Patch("a:1", Patch{Weight: ptr(3)}, Options{}))
		must(t, p.Patch("a:1", Patch{AdminState: ptr(Drain)}, Options{}))
		all := specs(t, "a:1", "b:1")
		all[0].Weight, all[0].AdminState = 3, Drain
		must(t, p.Replace(all, Options{}))
		wantSame(t, "plan after changes of something else", plan(), want)

		must(t, p.Patch("a:1", Patch{AdminState: ptr(Ready), Weight: ptr(1)}, Options{}))
		wantSame(t, "plan of a ready backend", plan(), DrainPlan{})
		wantSame(t, "runtime changes left", p.changes.count(), 0)
	})
}

func TestPlanYieldsWithTheAdminState(t *testing.T) {
	def := define(t, "a:1", "b:1")
	p := newTestPool(t, nil, def)
	_, err := p.Acquire(&Request{}) // so that the drain does not end
	must(t, err)
	must(t, p.Patch("a:1", Patch{AdminState: ptr(Drain), Drain: &DrainPlan{Then: ThenRemove}}, Options{}))

	same := define(t, "a:1", "b:1")
	same.Backends[0].Weight = 5
	p.Commit("config 1", same)
	if s := p.Snapshot().Find("a:1").Spec; s.Drain.Then != ThenRemove || s.Weight != 5 {
		t.Errorf("after a reload that changes something else: %+v", s)
	}
	other := define(t, "a:1", "b:1")
	other.Backends[0].AdminState = Drain
	p.Commit("config 1", other)
	wantSame(t, "plan after the config has changed the admin state", p.Snapshot().Find("a:1").Spec.Drain, DrainPlan{})
}

func TestParseThen(t *testing.T) {
	for _, text := range []string{"remove", "maintenance"} {
		if then, err := ParseThen(text); string(then) != text || err != nil {
			t.Errorf("ParseThen(%q) = %q, %v", text, then, err)
		}
	}
	for _, text := range []string{"", "ready", "Remove"} {
		if _, err := ParseThen(text); err == nil {
			t.Errorf("ParseThen(%q) has no error", text)
		}
	}
}

func TestAddedBackendDrains(t *testing.T) {
	p := newTestPool(t, nil, define(t, "a:1"))
	s := spec(t, config.Backend{Address: "b:1"})
	s.AdminState = Drain
	_, err := p.Add(s, Options{})
	must(t, err)
	if got := p.Snapshot().Find("b:1").Spec.Drain; got.Since.IsZero() || got.ends() {
		t.Errorf("plan %+v", got)
	}
}

func wantSame[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
