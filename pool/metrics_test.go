package pool

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/metrics"
)

// told returns what is told of a backend, nil if there is nothing.
func told(p *Pool, id string) (found *metrics.Backend) {
	for b := range p.Metrics().Each {
		if b.ID == id {
			v := *b
			found = &v
		}
	}
	return found
}

// summary is the part of it that has to do with state.
func summary(b *metrics.Backend) string {
	return fmt.Sprintf("%s %s up=%v accepting=%v ejections=%d changes=%d", b.State, b.AdminState, b.Up, b.Accepting, b.Ejections, b.StateChanges)
}

func TestMetricsOfState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := newEjecting(t, testRules, "a:1", "b:1", "c:1")
		check := func(what, want string) {
			t.Helper()
			settle()
			if got := summary(told(p, "a:1")); got != want {
				t.Errorf("%s: %s\nwant %s", what, got, want)
			}
		}
		a := p.find("a:1")
		check("at first", "up ready up=true accepting=true ejections=0 changes=0")
		p.SetHealth(a, Down, "refused")
		check("down", "down ready up=false accepting=false ejections=0 changes=1")
		if v := p.Metrics(); v.Backends != 3 || v.Accepting != 2 || v.Revision != p.View().Revision {
			t.Errorf("the pool has %d backends, %d accepting, revision %d", v.Backends, v.Accepting, v.Revision)
		}
		p.SetHealth(a, Up, "")
		check("up", "up ready up=true accepting=true ejections=0 changes=2")
		eject(t, p, "a:1", Ejected)
		eject(t, p, "a:1", Moot)
		check("ejected", "ejected ready up=true accepting=false ejections=1 changes=3")
		time.Sleep(testRules.Base)
		check("returning", "probing ready up=true accepting=true ejections=1 changes=4")
		p.SetHealth(a, Down, "refused")
		must(t, p.Patch("a:1", Patch{AdminState: ptr(Drain)}, Options{}))
		check("draining, though down", "draining drain up=false accepting=false ejections=1 changes=5")
		_, err := p.Add(spec(t, config.Backend{Address: "new:1"}), Options{})
		must(t, err)
		if got := summary(told(p, "new:1")); got != "waiting ready up=false accepting=false ejections=0 changes=0" {
			t.Errorf("added: %s", got)
		}
		must(t, p.Remove("a:1", Options{}))
		if told(p, "a:1") != nil {
			t.Error("something is told of what was removed")
		}
	})
}

func TestMetricsOfAttempts(t *testing.T) {
	p := newTestPool(t, nil, define(t, "a:1"))
	for _, o := range []Outcome{
		{Verdict: Answered, Status: 200, Latency: 5 * time.Second, ClientTime: 4999 * time.Millisecond},
		{Verdict: Answered, Status: 101, Latency: time.Millisecond},
		{Verdict: Answered, Status: 404, Latency: time.Millisecond},
		{Verdict: Answered, Status: 503, Latency: time.Millisecond},
		{Verdict: Failed, Status: 200, Latency: time.Second, Late: true},
		{Verdict: Failed, Latency: time.Second},
		{Verdict: ClientFault},
		{Verdict: LocalFault},
		{Verdict: LocalFault},
	} {
		m, err := p.Acquire(new(Request))
		must(t, err)
		m.Observe(o)
		m.Release()
	}
	b := told(p, "a:1")
	var got []uint64
	for i := range b.Classes {
		got = append(got, b.Classes[i].Load())
	}
	if fmt.Sprint(got) != "[1 1 0 1 1 1 1 2]" || b.Failures != 2 || b.Times.Head.Count() != 4 {
		t.Errorf("classes %v, %d failures, %d times", got, b.Failures, b.Times.Head.Count())
	}
}

func TestCountingDoesNotAllocate(t *testing.T) {
	p := newTestPool(t, nil, define(t, "a:1"))
	var q Request
	o := Outcome{Verdict: Answered, Status: 200, Latency: time.Millisecond}
	if n := testing.AllocsPerRun(100, func() {
		m, err := p.Acquire(&q)
		must(t, err)
		m.Observe(o)
		m.ObserveDuration(2 * time.Millisecond)
		m.Release()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestMetricsOfRefusals(t *testing.T) {
	p := newTestPool(t, nil, define(t, "a:1"))
	for _, err := range []error{
		ErrNoBackend, ErrClosed, ErrAllFull, fmt.Errorf("%w: 3", ErrQueueFull), fmt.Errorf("%w: %w", ErrWaitedTooLong, ErrAllFull),
		context.Canceled, errors.New("other"),
	} {
		p.CountRefusal(err)
	}
	var got []uint64
	for i := range p.refusals {
		got = append(got, p.refusals[i].Load())
	}
	if fmt.Sprint(got) != "[2 2 1]" {
		t.Errorf("refusals %v", got)
	}
}

func TestMetricsOfQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestPool(t, nil, queueing(t, 2, time.Minute, 1))
		holder := come(p)
		served, leaves, refused := come(p), come(p), come(p)
		if refused.state() == "waits" {
			t.Error("a third request waits")
		}
		if q := p.Metrics().Queue; q.Length != 2 || q.Size != 2 || q.Refused != 1 {
			t.Errorf("queue %+v", q)
		}
		leaves.cancel()
		synctest.Wait()
		time.Sleep(2 * time.Second)
		holder.m.Release()
		synctest.Wait()
		late := come(p)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		served.m.Release()
		q := p.Metrics().Queue
		if q.Length != 0 || q.Served != 1 || q.Left != 1 || q.TimedOut != 1 || q.Wait.Count() != 1 || late.err == nil {
			t.Errorf("queue %+v, %d waits, %v", q, q.Wait.Count(), late.err)
		}
		for _, g := range []*guest{holder, served, leaves, refused, late} {
			g.cancel()
		}
	})
}

// Counters stay as they are over a reload; so do those of backends that a config
// which fails would have removed.
func TestMetricsOverReloads(t *testing.T) {
	p := newTestPool(t, nil, define(t, "a:1", "b:1"))
	p.find("a:1").classes.Count(metrics.Success)
	p.find("b:1").classes.Count(metrics.Success)
	times := told(p, "a:1").Times
	p.Commit("config 2", define(t, "a:1", "c:1"))
	if told(p, "b:1") != nil || told(p, "c:1") == nil {
		t.Error("the next config's backends are not those which are told of")
	}
	p.Withdraw("config 2")
	for _, id := range []string{"a:1", "b:1"} {
		if b := told(p, id); b == nil || b.Classes[metrics.Success].Load() != 1 {
			t.Errorf("%s: %v", id, b)
		}
	}
	if told(p, "a:1").Times != times {
		t.Error("times have not been kept")
	}
}

// In a large pool times are counted together, and no sum ever becomes smaller.
func TestMetricsOfLargePool(t *testing.T) {
	def := &Definition{Backends: manySpecs(t, metrics.MaxDetailed), Policy: rotate{}}
	p := newTestPool(t, nil, def)
	serve := func() {
		t.Helper()
		m, err := p.Acquire(new(Request))
		must(t, err)
		m.Observe(Outcome{Verdict: Answered, Status: 200, Latency: time.Millisecond})
		m.ObserveDuration(time.Second)
		m.Release()
	}
	serve()
	first := p.Snapshot().Members[0]
	if b := told(p, first.ID()); b.Times == nil || b.Times.Duration.Count() != 1 || p.Metrics().Times != nil {
		t.Error("a pool of that size is taken for a large one")
	}
	_, err := p.Add(spec(t, config.Backend{Address: "one-more:1"}), Options{})
	must(t, err)
	serve()
	shared := p.Metrics().Times
	if b := told(p, first.ID()); b.Times != nil || shared == nil || shared.Count() != 1 {
		t.Errorf("a large pool: %v, %v", b.Times, shared)
	}
	must(t, p.Remove("one-more:1", Options{}))
	serve()
	if b := told(p, first.ID()); b.Times == nil || p.Metrics().Times.Count() != 1 {
		t.Error("what was counted is forgotten")
	}
}

// Only pools that a running config has are told of, by name.
func TestMetricsOfPools(t *testing.T) {
	r := NewRegistry(nil)
	for _, name := range []string{"web", "api", "seeded"} {
		p, err := r.Acquire(name)
		must(t, err)
		t.Cleanup(func() { must(t, r.Release(name)) })
		if name == "seeded" {
			p.Seed(define(t, "a:1"))
		} else {
			p.Commit("config", define(t, "a:1"))
		}
	}
	var names []string
	for p := range r.PoolMetrics() {
		names = append(names, p.Name)
	}
	if fmt.Sprint(names) != "[api web]" {
		t.Errorf("pools %v", names)
	}
	for range r.PoolMetrics() {
		break
	}
}
