package pool

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

func TestTiers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		def := define(t, "a:1", "b:1", "c:1")
		def.Backends[0].Priority = 5
		def.Backends[2].MaxRequests = 1
		p := newTestPool(t, nil, def)
		if got := accepting(p); got != "[b:1 c:1 a:1]" {
			t.Fatalf("tiers hold %s", got)
		}
		for range 10 {
			m, err := p.Acquire(&Request{})
			must(t, err)
			if m.ID() == "a:1" {
				t.Error("a backend of a higher tier was picked while a lower one accepts")
			}
			m.Release()
		}
		for _, id := range []string{"b:1", "c:1"} {
			p.SetHealth(p.Snapshot().Find(id).Backend, Down, "x")
		}
		time.Sleep(10 * time.Millisecond)
		m, err := p.Acquire(&Request{})
		must(t, err)
		if m.ID() != "a:1" {
			t.Errorf("picked %s, want the backend of the second tier", m.ID())
		}
		m.Release()
	})
}

// 64 clients never push a backend over its limit, and none is refused while
// another backend has a free slot.
func TestMaxRequestsIsExact(t *testing.T) {
	def := define(t, "a:1", "b:1")
	def.MaxRequests = 5
	def.Backends[1].MaxRequests = 3
	p := newTestPool(t, nil, def)
	var wg sync.WaitGroup
	var peak [2]atomic.Int64
	var served, refused atomic.Int64
	for range 64 {
		wg.Go(func() {
			for range 500 {
				m, err := p.Acquire(&Request{})
				if errors.Is(err, ErrAllFull) {
					refused.Add(1)
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				n := m.InFlight()
				i := 0
				if m.ID() == "b:1" {
					i = 1
				}
				for old := peak[i].Load(); n > old && !peak[i].CompareAndSwap(old, n); old = peak[i].Load() {
				}
				served.Add(1)
				m.Release()
			}
		})
	}
	wg.Wait()
	if a, b := peak[0].Load(), peak[1].Load(); a > 5 || b > 3 {
		t.Errorf("up to %d and %d requests in flight, limits are 5 and 3", a, b)
	}
	if served.Load() == 0 {
		t.Error("nothing was served")
	}
	v := p.View()
	for _, b := range v.Backends {
		if b.InFlight != 0 {
			t.Errorf("%s has %d requests in flight at the end", b.ID, b.InFlight)
		}
	}
	// all slots can be taken, and not one more
	var held []*Member
	for range 8 {
		m, err := p.Acquire(&Request{})
		must(t, err)
		held = append(held, m)
	}
	if _, err := p.Acquire(&Request{}); !errors.Is(err, ErrAllFull) {
		t.Errorf("with all slots taken: %v", err)
	}
	if b := p.View().Backends[0]; b.Accepting || b.Reason != "full: max_requests reached" {
		t.Errorf("a full backend is shown as accepting %v, %q", b.Accepting, b.Reason)
	}
	for _, m := range held {
		m.Release()
	}
}

func TestTriedBackendsComeLast(t *testing.T) {
	addrs := make([]string, maxTriedInline+4)
	for i := range addrs {
		addrs[i] = fmt.Sprintf("b%d:1", i)
	}
	p := newTestPool(t, nil, define(t, addrs...))
	var q Request
	seen := map[string]bool{}
	for range addrs {
		m, err := p.Acquire(&q)
		must(t, err)
		if seen[m.ID()] {
			t.Fatalf("%s was picked again after %d of %d backends", m.ID(), len(seen), len(addrs))
		}
		seen[m.ID()] = true
		q.MarkTried(m.Backend)
		m.Release()
	}
	m, err := p.Acquire(&q)
	if err != nil {
		t.Fatalf("with all backends tried: %v, want any of them again", err)
	}
	m.Release()
	q.Reset(nil, nil)
	if q.Tried(m.Backend) {
		t.Error("a request that was reset remembers tried backends")
	}
}

func TestAcquireDoesNotAllocate(t *testing.T) {
	p := newTestPool(t, nil, define(t, "a:1", "b:1", "c:1"))
	var q Request
	if n := testing.AllocsPerRun(1000, func() {
		q.Reset(nil, nil)
		m, err := p.Acquire(&q)
		if err != nil {
			t.Fatal(err)
		}
		m.Observe(Outcome{Status: 200, Latency: time.Millisecond})
		m.Release()
	}); n != 0 {
		t.Errorf("%v allocations per pick", n)
	}
}

func TestEjectionEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := &recorder{}
		def := define(t, "a:1", "b:1")
		def.Sink = rec.sink
		p := newTestPool(t, nil, def)
		p.Eject(p.Snapshot().Find("a:1"), time.Now().Add(10*time.Second), "3 failures within 30s")
		time.Sleep(time.Second)
		v := p.View().Backends[0]
		if v.Accepting || v.Reason != "ejected: 3 failures within 30s" || v.EjectedUntil.IsZero() {
			t.Errorf("the ejected backend is shown as %+v", v)
		}
		if got := accepting(p); got != "[b:1]" {
			t.Errorf("accepting %s", got)
		}
		time.Sleep(10 * time.Second)
		if got := accepting(p); got != "[a:1 b:1]" {
			t.Errorf("accepting %s after the ejection", got)
		}
		synctest.Wait()
		if got := fmt.Sprint(rec.names()); got != "[backend_ejected a:1 backend_returned a:1]" {
			t.Errorf("events %s", got)
		}
	})
}

func TestAddedBackendWaitsForItsFirstProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &watcher{}
		p := newTestPool(t, w, define(t, "a:1"))
		_, err := p.Add(spec(t, config.Backend{Address: "b:1"}), Options{})
		must(t, err)
		if b := p.View().Backends[1]; b.Accepting || b.Health != Unknown || b.Reason != "waiting for its first health check" {
			t.Errorf("a backend just added is %+v", b)
		}
		if len(w.targets) != 2 {
			t.Fatalf("%d backends are watched", len(w.targets))
		}
		replaced := p.Snapshot().Replaced
		p.SetHealth(w.targets[1].Backend, Up, "")
		<-replaced // whoever waits for a backend is woken
		if got := accepting(p); got != "[a:1 b:1]" {
			t.Errorf("accepting %s", got)
		}
		must(t, p.Patch("b:1", Patch{AdminState: ptr(Maintenance)}, Options{}))
		if len(w.targets) != 1 {
			t.Error("a backend in maintenance is probed")
		}
	})
}

func TestInitialHealth(t *testing.T) {
	for initial, want := range map[string]string{"": "[a:1]", config.InitialUp: "[a:1 b:1]", config.InitialDown: "[]"} {
		def := define(t, "a:1")
		def.InitialHealth = initial
		p := newTestPool(t, nil, def)
		_, err := p.Add(spec(t, config.Backend{Address: "b:1"}), Options{Force: true})
		must(t, err)
		if got := accepting(p); got != want {
			t.Errorf("health_initial %q: accepting %s, want %s", initial, got, want)
		}
	}
	def := define(t, "a:1")
	def.Active = &config.ActiveHealth{Disabled: true}
	p := newTestPool(t, nil, def)
	_, err := p.Add(spec(t, config.Backend{Address: "b:1"}), Options{})
	must(t, err)
	if got := accepting(p); got != "[a:1 b:1]" {
		t.Errorf("without health checks: accepting %s", got)
	}
}

func TestIgnoreHealthWhenAllDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		def := define(t, "a:1", "b:1", "c:1")
		def.IgnoreHealthWhenAllDown = true
		p := newTestPool(t, nil, def)
		must(t, p.Patch("c:1", Patch{AdminState: ptr(Maintenance)}, Options{}))
		for _, m := range p.Snapshot().Members {
			p.SetHealth(m.Backend, Down, "x")
		}
		time.Sleep(10 * time.Millisecond)
		if got := accepting(p); got != "[a:1 b:1]" {
			t.Errorf("accepting %s: want all that the operator has not taken out", got)
		}
		if b := p.View().Backends[0]; b.Accepting {
			t.Error("a backend that is down is shown as accepting")
		}
	})
}

// slowPolicy picks from an old snapshot while the pool changes.
type slowPolicy struct{ during func() }

func (s *slowPolicy) NewPicker(members []*Member, _ Picker) Picker {
	return &slowPicker{rotator{members: members}, s}
}

type slowPicker struct {
	rotator
	policy *slowPolicy
}

func (s *slowPicker) Pick(q *Request) *Member {
	if fn := s.policy.during; fn != nil {
		s.policy.during = nil
		fn()
	}
	return s.rotator.Pick(q)
}

// A limit that was lowered holds once that was answered, even for a pick that
// had begun before.
func TestLowerLimitHoldsAtOnce(t *testing.T) {
	policy := &slowPolicy{}
	def := define(t, "a:1")
	def.Policy = policy
	p := newTestPool(t, nil, def)
	var first *Member
	policy.during = func() {
		var err error
		first, err = p.Acquire(&Request{})
		must(t, err)
		must(t, p.Patch("a:1", Patch{MaxRequests: ptr(1)}, Options{}))
	}
	if m, err := p.Acquire(&Request{}); !errors.Is(err, ErrAllFull) {
		t.Errorf("picked %v, error %v, though the only backend is full", m, err)
	}
	if n := first.InFlight(); n != 1 {
		t.Errorf("%d requests are in flight, want 1", n)
	}
	first.Release()
	m, err := p.Acquire(&Request{})
	must(t, err)
	m.Release()
}

// A backend whose removal or drain was answered gets no request any more, not
// even from a pick that had begun before.
func TestNothingIsPickedAfterRemoval(t *testing.T) {
	for name, takeOut := range map[string]func(p *Pool) error{
		"removed":  func(p *Pool) error { return p.Remove("a:1", Options{}) },
		"drained":  func(p *Pool) error { return p.Patch("a:1", Patch{AdminState: ptr(Drain)}, Options{}) },
		"replaced": func(p *Pool) error { p.Commit("config 2", define(t, "b:1")); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			policy := &slowPolicy{}
			def := define(t, "a:1", "b:1")
			def.Policy = policy
			p := newTestPool(t, nil, def)
			policy.during = func() { must(t, takeOut(p)) }
			m, err := p.Acquire(&Request{})
			must(t, err)
			if m.ID() != "b:1" {
				t.Errorf("picked %s", m.ID())
			}
			m.Release()
			for _, b := range p.View().Backends {
				if b.InFlight != 0 {
					t.Errorf("%s has %d requests in flight", b.ID, b.InFlight)
				}
			}
		})
	}
}

// Backends that replace all which have served cannot wait for a probe.
func TestDiscoveryReplacesAll(t *testing.T) {
	def := define(t)
	def.Discovery = "dns"
	p := newTestPool(t, nil, def)
	for _, step := range []struct{ found, want string }{
		{"a:1 b:1", "[a:1 b:1]"},
		{"b:1 c:1", "[b:1]"},
		{"d:1 e:1", "[d:1 e:1]"},
		{"e:1 f:1", "[e:1]"},
		{"", "[]"},
		{"a:1", "[a:1]"},
	} {
		p.SetDiscovered("dns", specsFrom(t, FromDiscovery, strings.Fields(step.found)...))
		if got := accepting(p); got != step.want {
			t.Errorf("with %q found: accepting %s, want %s", step.found, got, step.want)
		}
	}
	must(t, p.Patch("a:1", Patch{AdminState: ptr(Drain)}, Options{Force: true}))
	p.SetDiscovered("dns", specsFrom(t, FromDiscovery, "a:1", "b:1"))
	if got := accepting(p); got != "[b:1]" {
		t.Errorf("beside one that drains: accepting %s", got)
	}
}
