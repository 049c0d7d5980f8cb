package pool

import (
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// manySpecs returns n backends.
func manySpecs(t testing.TB, n int) []Spec {
	list := make([]Spec, n)
	for i := range list {
		list[i] = spec(t, config.Backend{Address: fmt.Sprintf("10.%d.%d.%d:80", i>>16, i>>8&0xff, i&0xff)})
	}
	return list
}

// counts is how often a pool asked for what costs something.
type counts struct{ pickers, transports, connectors, watches int }

// counted is a policy, transports and a monitor that count.
type counted struct {
	rotate
	fakeTransports
	counts
}

func (c *counted) NewPicker(members []*Member, prev Picker) Picker {
	c.pickers++
	return c.rotate.NewPicker(members, prev)
}

func (c *counted) New(a config.Address) Transport {
	c.transports++
	return c.fakeTransports.New(a)
}

func (c *counted) Connector(a config.Address) Connector {
	c.connectors++
	return c.fakeTransports.Connector(a)
}

func (c *counted) Restricted() Transports  { return c }
func (c *counted) Equal(o Transports) bool { return o == Transports(c) }
func (c *counted) Watch(*Pool, []Target)   { c.watches++ }

// since returns how often each was asked for by fn.
func (c *counted) since(fn func()) counts {
	c.counts = counts{}
	fn()
	return c.counts
}

// A change of one backend among many asks for nothing for the others, but what
// the picker and the monitor need to know of the new set.
func TestChangeOfOneBackendAmongMany(t *testing.T) {
	const n = 2000
	list := manySpecs(t, n+1)
	c := &counted{}
	p := newTestPool(t, c, &Definition{Backends: list[:n], Policy: c, Transports: c})
	for _, test := range []struct {
		name string
		do   func() error
		want counts
	}{
		{"patch", func() error { return p.Patch(list[n/2].ID, Patch{Weight: ptr(7)}, Options{}) }, counts{pickers: 1}},
		{"drain", func() error { return p.Patch(list[n/3].ID, Patch{AdminState: ptr(Drain)}, Options{}) }, counts{pickers: 1}},
		{"add", func() error { _, err := p.Add(list[n], Options{}); return err }, counts{pickers: 1, transports: 1, connectors: n + 1, watches: 1}},
		{"remove", func() error { return p.Remove(list[1].ID, Options{}) }, counts{pickers: 1, connectors: n, watches: 1}},
		{"maintenance", func() error { return p.Patch(list[2].ID, Patch{AdminState: ptr(Maintenance)}, Options{}) }, counts{pickers: 1, connectors: n - 1, watches: 1}},
		{"reload", func() error { p.Commit("config 1", p.def); return nil }, counts{pickers: 1}},
		{"flip", func() error {
			replaced := p.Snapshot().Replaced
			p.SetHealth(p.Snapshot().Members[5].Backend, Down, "refused")
			<-replaced
			return nil
		}, counts{pickers: 1}},
	} {
		if got := c.since(func() { must(t, test.do()) }); got != test.want {
			t.Errorf("%s: asked for %+v, want %+v", test.name, got, test.want)
		}
	}
}

// allocated returns how many pieces of memory fn allocates, and of what size
// together.
func allocated(fn func()) (pieces, size uint64) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return after.Mallocs - before.Mallocs, after.TotalAlloc - before.TotalAlloc
}

// What a change of a pool allocates gets more with its backends in proportion,
// and where nothing is new not in number.
func TestMemoryOfChanges(t *testing.T) {
	type cost struct{ pieces, size uint64 }
	costs := func(n int) map[string]cost {
		list := manySpecs(t, 2*n)
		def := &Definition{Backends: list[:n], Policy: rotate{}, Transports: fakeTransports{}}
		other := &Definition{Backends: list[n:], Policy: rotate{}, Transports: fakeTransports{}}
		p := newTestPool(t, nil, def)
		found := make(map[string]cost)
		measure := func(name string, fn func()) {
			pieces, size := allocated(fn)
			found[name] = cost{pieces, size}
		}
		must(t, p.Patch(list[0].ID, Patch{Weight: ptr(2)}, Options{})) // makes indexes
		measure("patch", func() { must(t, p.Patch(list[n/2].ID, Patch{Weight: ptr(7)}, Options{})) })
		measure("remove", func() { must(t, p.Remove(list[1].ID, Options{})) })
		measure("replace, all", func() { must(t, p.Replace(list[n:], Options{Force: true})) })
		measure("replace, same", func() { must(t, p.Replace(list[n:], Options{Force: true})) })
		measure("replace, back", func() { must(t, p.Replace(list[:n], Options{Force: true})) })
		measure("reload, other", func() { p.Commit("config 2", other) })
		measure("reload, undone", func() { p.Withdraw("config 2") })
		return found
	}
	small, large := costs(1000), costs(10_000)
	for name, l := range large {
		s := small[name]
		t.Logf("%s: %v for 1,000 backends, %v for 10,000", name, s, l)
		if l.size > 20*s.size {
			t.Errorf("%s: %d bytes for 1,000 backends, %d for 10,000", name, s.size, l.size)
		}
		if l.pieces > 15*s.pieces+200 {
			t.Errorf("%s: %d allocations for 1,000 backends, %d for 10,000", name, s.pieces, l.pieces)
		}
	}
	for _, name := range []string{"patch", "remove"} {
		if n := large[name].pieces; n > 300 {
			t.Errorf("%s: %d allocations", name, n)
		}
	}
}

// Many changes of health at once cost one rebuild.
func TestRebuildsAreCoalesced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 10_000
		p := newTestPool(t, nil, &Definition{Backends: manySpecs(t, n), Policy: rotate{}})
		before := p.lastRebuilds
		for _, m := range p.Snapshot().Members {
			p.SetHealth(m.Backend, Down, "refused")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got := p.lastRebuilds - before; got != 1 {
			t.Errorf("%d rebuilds for %d changes", got, n)
		}
		if p.Snapshot().accepts() {
			t.Error("the pool still accepts")
		}
	})
}

// A change of health after a quiet time shows soon; changes without end cost no
// more than a rebuild every now and then.
func TestRebuildsWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 10_000
		p := newTestPool(t, nil, &Definition{Backends: manySpecs(t, n), Policy: rotate{}})
		time.Sleep(time.Second)
		members := p.Snapshot().Members
		for round := range 2 {
			start, replaced := time.Now(), p.Snapshot().Replaced
			p.SetHealth(members[round].Backend, Down, "refused")
			<-replaced
			if waited := time.Since(start); waited != rebuildDelay {
				t.Errorf("a single change showed after %s", waited)
			}
			time.Sleep(time.Second)
		}
		before := p.lastRebuilds
		for i := range 1000 {
			p.SetHealth(members[10+i].Backend, Down, "refused")
			time.Sleep(time.Millisecond)
		}
		synctest.Wait()
		if got := p.lastRebuilds - before; got < 20 || got > 51 {
			t.Errorf("%d rebuilds in a second", got)
		}
	})
}

// Ejections of many backends, which end one after the other, do not have a
// snapshot made for each.
func TestEndsOfEjectionsAreCoalesced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 10_000
		p := newTestPool(t, nil, &Definition{Backends: manySpecs(t, n), Policy: rotate{}, Ejections: Ejections{Base: 30 * time.Second, Max: time.Minute, MaxPercent: 50}})
		for _, m := range p.Snapshot().Members[:n/2] {
			if p.Eject(m, time.Time{}, "failed") != Ejected {
				t.Fatal("not ejected")
			}
		}
		time.Sleep(29 * time.Second)
		before := p.Snapshot().Number
		time.Sleep(5 * time.Second) // they end within three seconds
		synctest.Wait()
		if got := p.Snapshot().Number - before; got < 10 || got > 160 {
			t.Errorf("%d snapshots", got)
		}
		for _, v := range p.View().Backends[:n/2] {
			if v.State != string(stateProbing) {
				t.Fatalf("%s is %s", v.ID, v.State)
			}
		}
	})
}
