package pool

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// A reload keeps the state of backends that stay, and an undone one brings back
// those which it had removed, with theirs.
func TestCommitAndWithdraw(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &watcher{}
		p := newTestPool(t, w, define(t, "a:1", "b:1"))
		before := p.Snapshot()
		a, b := before.Find("a:1"), before.Find("b:1")
		p.SetHealth(b.Backend, Down, "refused")
		time.Sleep(10 * time.Millisecond)
		if got := accepting(p); got != "[a:1]" {
			t.Fatalf("accepting %s, want a alone", got)
		}

		p.Commit("config 2", define(t, "a:1", "c:1"))
		if got := ids(p); got != "[a:1 c:1]" {
			t.Fatalf("after the reload: %s", got)
		}
		if p.Snapshot().Find("a:1").Backend != a.Backend {
			t.Error("the reload made a new backend of one that stayed")
		}
		if b.Transport.(*fakeTransport).closed.Load() {
			t.Error("the idle connections of a backend were closed although the reload can still fail")
		}

		p.Withdraw("config 2") // the reload failed
		if got := ids(p); got != "[a:1 b:1]" {
			t.Fatalf("after the failed reload: %s", got)
		}
		if p.Snapshot().Find("b:1").Backend != b.Backend {
			t.Error("the failed reload lost the state of a backend")
		}
		if got := accepting(p); got != "[a:1]" {
			t.Errorf("after the failed reload accepting %s, want a alone: health was lost", got)
		}
		if len(w.targets) != 2 {
			t.Errorf("%d backends are watched, want 2", len(w.targets))
		}
		if p.Snapshot().Find("b:1").Transport != b.Transport {
			t.Error("the failed reload lost the transport of a backend")
		}
	})
}

func TestReloadThatSucceedsClosesWhatIsGone(t *testing.T) {
	p := newTestPool(t, nil, define(t, "a:1", "b:1"))
	gone := p.Snapshot().Find("b:1").Transport.(*fakeTransport)
	stays := p.Snapshot().Find("a:1").Transport.(*fakeTransport)
	p.Commit("config 2", define(t, "a:1"))
	p.Withdraw("config 1")
	if !gone.closed.Load() {
		t.Error("idle connections of the removed backend are still open")
	}
	if stays.closed.Load() {
		t.Error("idle connections of the backend that stayed were closed")
	}
}

func TestReloadWithOtherTransportOptions(t *testing.T) {
	p := newTestPool(t, nil, define(t, "a:1"))
	old := p.Snapshot().Find("a:1").Transport.(*fakeTransport)
	def := define(t, "a:1")
	def.Transports = fakeTransports{kind: "other"}
	p.Commit("config 2", def)
	if p.Snapshot().Find("a:1").Transport == Transport(old) {
		t.Error("the backend still uses the transport with the old options")
	}
	if old.closed.Load() {
		t.Error("idle connections were closed although the reload can still fail")
	}
	p.Withdraw("config 1")
	if !old.closed.Load() {
		t.Error("idle connections with the old options are still open")
	}
}

func TestSeedServesOnlyWhileUnclaimed(t *testing.T) {
	r := NewRegistry(nil)
	p, err := r.Acquire("x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Add(spec(t, config.Backend{Address: "n:1"}), Options{}); !isCode(err, CodeUnknownPool) {
		t.Errorf("a backend was added to a pool that is not defined: %v", err)
	}
	p.Seed(define(t, "a:1"))
	if got := accepting(p); got != "[a:1]" {
		t.Fatalf("seeded pool accepts on %s", got)
	}
	if len(r.Pools()) != 0 {
		t.Error("a pool that no running config claims is listed")
	}
	seeded := p.Snapshot().Find("a:1").Backend
	p.Commit("config", define(t, "a:1"))
	if p.Snapshot().Find("a:1").Backend != seeded {
		t.Error("the commit forgot the requests that the seed had served")
	}
	p.Seed(define(t, "b:1"))
	if got := ids(p); got != "[a:1]" {
		t.Errorf("a seed changed a pool in service to %s", got)
	}
	p.Withdraw("config")
	if err := p.Patch("a:1", Patch{Weight: ptr(2)}, Options{}); !isCode(err, CodeUnknownPool) {
		t.Errorf("a pool that the config has given up was changed: %v", err)
	}
	if err := r.Release("x"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.Done():
	default:
		t.Error("the released pool is not done")
	}
}

// A runtime change outlives reloads until the config changes what it changed.
func TestRuntimeChangesOverReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := &recorder{}
		def := func(weight int, addrs ...string) *Definition {
			d := define(t, addrs...)
			d.Backends[0].Weight = weight
			d.Sink = rec.sink
			return d
		}
		p := newTestPool(t, nil, def(1, "a:1", "b:1"))
		must(t, p.Patch("a:1", Patch{Weight: ptr(5), Priority: ptr(2)}, Options{}))
		must(t, p.Remove("b:1", Options{Force: true}))
		_, err := p.Add(spec(t, config.Backend{Address: "c:1"}), Options{})
		must(t, err)

		p.Commit("config 2", def(1, "a:1", "b:1"))
		p.Withdraw("config 1")
		if got := ids(p); got != "[a:1 c:1]" {
			t.Fatalf("after a reload of the same config: %s", got)
		}
		a := p.Snapshot().Find("a:1").Spec
		if a.Weight != 5 || a.Priority != 2 {
			t.Errorf("weight %d, priority %d after the reload, want 5 and 2", a.Weight, a.Priority)
		}

		p.Commit("config 3", def(3, "a:1", "b:1"))
		p.Withdraw("config 2")
		a = p.Snapshot().Find("a:1").Spec
		if a.Weight != 3 || a.Priority != 2 {
			t.Errorf("weight %d, priority %d: want 3 as the config says now, and 2 as before", a.Weight, a.Priority)
		}

		changed := def(3, "a:1", "b:1")
		changed.Backends[1].Weight = 9
		p.Commit("config 4", changed)
		p.Withdraw("config 3")
		if got := ids(p); got != "[a:1 b:1 c:1]" {
			t.Errorf("after the config changed the removed backend: %s", got)
		}
		p.Commit("config 5", def(3, "a:1", "c:1"))
		p.Withdraw("config 4")
		if got := p.Snapshot().Find("c:1").Spec.Source; got != FromConfig {
			t.Errorf("source of a backend that the config lists now is %q", got)
		}
		synctest.Wait()
		want := 0
		for _, n := range rec.names() {
			if n == EventYielded+" a:1" || n == EventYielded+" b:1" || n == EventYielded+" c:1" {
				want++
			}
		}
		if want != 3 {
			t.Errorf("%d changes were reported as dropped, want 3: %v", want, rec.names())
		}
	})
}

// A reload that is undone brings back the runtime changes that had given way to
// it, whole; and whether they have is said once it is certain.
func TestUndoneReloadKeepsRuntimeChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := &recorder{}
		def := func(addrs ...string) *Definition {
			d := define(t, addrs...)
			d.Sink = rec.sink
			return d
		}
		p := newTestPool(t, nil, def("a:1", "b:1", "c:1"))
		address, err := config.ParseAddress("moved:1")
		must(t, err)
		must(t, p.Patch("a:1", Patch{Weight: ptr(5), Labels: map[string]string{"zone": "x"}}, Options{}))
		must(t, p.Patch("c:1", Patch{Address: &address}, Options{}))
		must(t, p.Remove("b:1", Options{}))
		_, err = p.Add(spec(t, config.Backend{ID: "new", Address: "d:1", Weight: 4}), Options{})
		must(t, err)
		before := p.View().Backends

		other := def("a:1", "b:1", "c:1", "d:1", "moved:1")
		for i := range other.Backends {
			other.Backends[i].Weight = 9
		}
		p.Commit("config 2", other)
		if got := addresses(p); got != "[a:1 b:1 c:1 d:1 moved:1]" {
			t.Fatalf("with the new config the backends are at %s", got)
		}
		p.Withdraw("config 2") // the reload failed
		for i, b := range p.View().Backends {
			if i >= len(before) || !b.equal(&before[i].Spec) {
				t.Errorf("after the failed reload there is %+v", b.Spec)
			}
		}
		synctest.Wait()
		yields := func() int {
			return len(slices.DeleteFunc(rec.names(), func(s string) bool { return !strings.HasPrefix(s, EventYielded) }))
		}
		if n := yields(); n != 0 {
			t.Errorf("%d changes are reported as dropped by a reload that failed", n)
		}
		p.Commit("config 3", other)
		p.Withdraw("config 1")
		synctest.Wait()
		if n := yields(); n != 4 {
			t.Errorf("%d changes are reported as dropped, want 4: %v", n, rec.names())
		}
		p.Commit("config 4", def("a:1"))
		p.Withdraw("config 3")
		if w := p.Snapshot().Find("a:1").Weight; w != 1 {
			t.Errorf("a change that was dropped is back: weight %d", w)
		}
	})
}

func isCode(err error, code string) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Code == code
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
