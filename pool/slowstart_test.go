package pool

import (
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

func TestWarmth(t *testing.T) {
	for _, test := range []struct {
		since, window time.Duration
		want          uint8
	}{
		{0, 36 * time.Second, leastWarmth},
		{-time.Second, 36 * time.Second, leastWarmth},
		{time.Second, 36 * time.Second, leastWarmth + 1},
		{18 * time.Second, 36 * time.Second, 22},
		{35 * time.Second, 36 * time.Second, fullWarmth - 1},
		{36 * time.Second, 36 * time.Second, fullWarmth},
		{time.Hour, 36 * time.Second, fullWarmth},
		{0, 0, fullWarmth},
		{0, 1, leastWarmth},
		{200 * 24 * time.Hour, 400 * 24 * time.Hour, 22},
	} {
		if got := warmthAt(test.since, test.window); got != test.want {
			t.Errorf("%s of %s: %d, want %d", test.since, test.window, got, test.want)
		}
	}
	for since := time.Duration(0); since < time.Minute; since += 77 * time.Millisecond {
		line := 0.1 + 0.9*since.Seconds()/60
		if got := float64(warmthAt(since, time.Minute)) / fullWarmth; math.Abs(got-line) > 0.0126 {
			t.Fatalf("after %s: %g, want %g", since, got, line)
		}
	}
}

// newSlow returns a pool with a slow start of 36 seconds, of backends with a
// weight of 2 which take 100 requests each.
func newSlow(t testing.TB, addrs ...string) *Pool {
	def := define(t, addrs...)
	for i := range def.Backends {
		def.Backends[i].Weight, def.Backends[i].MaxRequests = 2, 100
	}
	def.SlowStart, def.Ejections = 36*time.Second, testRules
	return newTestPool(t, nil, def)
}

// wantPart checks which part of its share a backend gets, and of its limit.
func wantPart(t testing.TB, p *Pool, id string, part, of int) {
	t.Helper()
	m := p.Snapshot().Find(id)
	if gotPart, gotOf := m.Ramp(); gotPart*of != part*gotOf {
		t.Errorf("%s gets %d of %d, want %d of %d", id, gotPart, gotOf, part, of)
	}
	if want := max(int64(100*part/of), 1); m.limit != want {
		t.Errorf("%s takes %d requests, want %d", id, m.limit, want)
	}
	v, _, _ := p.ViewBackend(id)
	if slow := !v.SlowStartUntil.IsZero(); slow != (part < of) || slow && math.Abs(v.EffectiveWeight-2*float64(part)/float64(of)) > 1e-9 {
		t.Errorf("%s is shown with the weight %g until %s", id, v.EffectiveWeight, v.SlowStartUntil)
	}
}

// Whatever has kept a backend out, it starts slowly.
func TestEveryWayBackIsSlow(t *testing.T) {
	for name, back := range map[string]func(t *testing.T, p *Pool){
		"health check": func(_ *testing.T, p *Pool) {
			p.SetHealth(p.find("a:1"), Down, "refused")
			settle()
			p.SetHealth(p.find("a:1"), Up, "")
		},
		"ejection": func(t *testing.T, p *Pool) {
			eject(t, p, "a:1", Ejected)
			time.Sleep(20 * time.Second)
			m := acquire(t, p, "a:1")
			p.Pass(m)
			m.Release()
		},
		"ejection for a fixed time": func(_ *testing.T, p *Pool) {
			p.Eject(p.Snapshot().Find("a:1"), time.Now().Add(time.Second), "x")
			time.Sleep(time.Second)
		},
		"maintenance": func(t *testing.T, p *Pool) {
			must(t, p.Patch("a:1", Patch{AdminState: ptr(Maintenance)}, Options{}))
			must(t, p.Patch("a:1", Patch{AdminState: ptr(Ready)}, Options{}))
		},
		"drain": func(t *testing.T, p *Pool) {
			must(t, p.Patch("a:1", Patch{AdminState: ptr(Drain)}, Options{}))
			must(t, p.Patch("a:1", Patch{AdminState: ptr(Ready)}, Options{}))
		},
		"added": func(t *testing.T, p *Pool) {
			must(t, p.Remove("a:1", Options{}))
			_, err := p.Add(spec(t, config.Backend{Address: "a:1", Weight: 2, MaxRequests: 100}), Options{})
			must(t, err)
			settle()
			p.SetHealth(p.find("a:1"), Up, "")
		},
		"added by the config": func(_ *testing.T, p *Pool) {
			with := p.def
			less := *with
			less.Backends = less.Backends[1:]
			p.Commit("config 2", &less)
			p.Withdraw("config 1")
			p.Commit("config 3", with)
			p.Withdraw("config 2")
		},
		"another server": func(t *testing.T, p *Pool) {
			here, there := p.find("a:1").address, spec(t, config.Backend{Address: "x:1"}).Address
			must(t, p.Patch("a:1", Patch{Address: &there}, Options{}))
			must(t, p.Patch("a:1", Patch{Address: &here}, Options{}))
			p.SetHealth(p.find("a:1"), Up, "")
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newSlow(t, "a:1", "b:1", "c:1")
				back(t, p)
				time.Sleep(50 * time.Millisecond)
				synctest.Wait()
				wantPart(t, p, "a:1", 1, 10)
				wantPart(t, p, "b:1", 1, 1)
				time.Sleep(18*time.Second + 100*time.Millisecond)
				wantPart(t, p, "a:1", 22, 40)
				time.Sleep(19 * time.Second)
				synctest.Wait()
				for _, id := range []string{"a:1", "b:1", "c:1"} {
					wantPart(t, p, id, 1, 1)
					if w := p.Snapshot().Find(id).Weight; w != 2 {
						t.Errorf("%s has the weight %d", id, w)
					}
				}
				if p.wakeup != nil {
					t.Error("snapshots are made on and on")
				}
			})
		})
	}
}

// Backends that a pool begins with are warm, however they come up.
func TestStartIsWarm(t *testing.T) {
	for _, initial := range []string{"", config.InitialUp, config.InitialDown} {
		t.Run(initial, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				def := *newSlow(t, "a:1", "b:1", "c:1").def
				def.InitialHealth = initial
				r := NewRegistry(nil)
				p, err := r.Acquire("test")
				must(t, err)
				p.Seed(&def)
				again := def
				p.Commit("config 1", &again)
				for _, b := range p.live {
					p.SetHealth(b, Up, "")
					settle()
				}
				for _, b := range p.live {
					wantPart(t, p, b.id, 1, 1)
				}
				must(t, r.Release("test"))
			})
		})
	}
}

// What was discovered first is what the pool begins with; what comes later
// starts slowly.
func TestSlowStartOfDiscovered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		def := *newSlow(t, "a:1").def
		def.Backends, def.Discovery, def.InitialHealth = nil, "dns", config.InitialUp
		p := newTestPool(t, nil, &def)
		found := specs(t, "a:1", "b:1", "c:1")
		for i := range found {
			found[i].Source, found[i].MaxRequests, found[i].Weight = FromDiscovery, 100, 2
		}
		p.SetDiscovered("dns", found[:2])
		wantPart(t, p, "a:1", 1, 1)
		wantPart(t, p, "b:1", 1, 1)
		p.SetDiscovered("dns", found)
		wantPart(t, p, "b:1", 1, 1)
		wantPart(t, p, "c:1", 1, 10)
		p.SetDiscovered("dns", found[:2]) // the timer must not outlive it
		synctest.Wait()
	})
}

// Who is alone in the tier, or among others as cold, does the work.
func TestSlowStartIsRelative(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newSlow(t, "a:1", "b:1", "c:1")
		for _, id := range []string{"a:1", "b:1", "c:1"} {
			p.SetHealth(p.find(id), Down, "refused")
		}
		settle()
		p.SetHealth(p.find("a:1"), Up, "")
		settle()
		wantPart(t, p, "a:1", 1, 1) // alone
		time.Sleep(18 * time.Second)
		p.SetHealth(p.find("b:1"), Up, "")
		p.SetHealth(p.find("c:1"), Up, "")
		time.Sleep(50 * time.Millisecond)
		wantPart(t, p, "a:1", 1, 1)
		wantPart(t, p, "b:1", 4, 22)
		wantPart(t, p, "c:1", 4, 22)
		p.SetHealth(p.find("a:1"), Down, "refused")
		time.Sleep(50 * time.Millisecond)
		wantPart(t, p, "b:1", 1, 1) // as cold as each other
		wantPart(t, p, "c:1", 1, 1)
		if w := p.Snapshot().Find("b:1").Weight; w != 2 {
			t.Errorf("weight %d", w)
		}
	})
}

// Tiers are among themselves.
func TestSlowStartInTiers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newSlow(t, "a:1", "b:1", "c:1")
		must(t, p.Patch("a:1", Patch{Priority: ptr(1)}, Options{}))
		p.SetHealth(p.find("a:1"), Down, "refused")
		p.SetHealth(p.find("b:1"), Down, "refused")
		settle()
		p.SetHealth(p.find("a:1"), Up, "")
		p.SetHealth(p.find("b:1"), Up, "")
		time.Sleep(50 * time.Millisecond)
		wantPart(t, p, "a:1", 1, 1)
		wantPart(t, p, "b:1", 1, 10)
		wantPart(t, p, "c:1", 1, 1)
	})
}

// A reload goes on with what has begun, with its own window.
func TestSlowStartSurvivesReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newSlow(t, "a:1", "b:1")
		p.SetHealth(p.find("a:1"), Down, "refused")
		settle()
		p.SetHealth(p.find("a:1"), Up, "")
		time.Sleep(18*time.Second + 50*time.Millisecond)
		for n, test := range []struct {
			window   time.Duration
			part, of int
		}{{36 * time.Second, 22, 40}, {72 * time.Second, 13, 40}, {time.Second, 1, 1}, {0, 1, 1}} {
			def := *p.def
			def.SlowStart = test.window
			p.Commit(fmt.Sprint("config ", n+2), &def)
			p.Withdraw(fmt.Sprint("config ", n+1))
			wantPart(t, p, "a:1", test.part, test.of)
		}
	})
}

func TestLimitDuringSlowStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newSlow(t, "a:1", "b:1")
		must(t, p.Patch("a:1", Patch{MaxRequests: ptr(3), AdminState: ptr(Drain)}, Options{}))
		must(t, p.Patch("a:1", Patch{AdminState: ptr(Ready)}, Options{}))
		m := acquire(t, p, "a:1")
		if m == nil || acquire(t, p, "a:1") != nil {
			t.Fatal("it does not take exactly one request")
		}
		v, _, _ := p.ViewBackend("a:1")
		if v.Accepting || v.Reason != "full: the 1 requests reached that max_requests allows during slow start" {
			t.Errorf("%+v", v)
		}
		time.Sleep(36 * time.Second)
		synctest.Wait()
		if second := acquire(t, p, "a:1"); second == nil {
			t.Error("no second request after the slow start")
		} else {
			second.Release()
		}
		m.Release()
	})
}

// However many backends start slowly, at whatever times, snapshots are made for
// all of them together.
func TestSlowStartOfMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 10_000
		p := newTestPool(t, nil, &Definition{Backends: manySpecs(t, n), Policy: rotate{}, SlowStart: 10 * time.Second})
		for i, m := range p.Snapshot().Members[1:] {
			p.SetHealth(m.Backend, Down, "refused")
			if i%1000 == 0 {
				time.Sleep(300 * time.Millisecond)
			}
		}
		time.Sleep(time.Second)
		for i, m := range p.Snapshot().Members[1:] {
			p.SetHealth(m.Backend, Up, "")
			if i%1000 == 0 {
				time.Sleep(300 * time.Millisecond)
			}
		}
		before, start := p.Snapshot().Number, time.Now()
		time.Sleep(5 * time.Second)
		if got, most := p.Snapshot().Number-before, uint64(time.Since(start)/leastRampStep); got < 10 || got > most {
			t.Errorf("%d snapshots, want 10 to %d", got, most)
		}
	})
}
