package pool

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

func TestRefusedChangesChangeNothing(t *testing.T) {
	linkLocal := config.Backend{Address: "169.254.169.254:80"}
	for _, c := range []struct {
		name, code, existing string
		do                   func(p *Pool) error
	}{
		{"same address", CodeDuplicateAddress, "a:1", func(p *Pool) error {
			_, err := p.Add(spec(t, config.Backend{ID: "new", Address: "A:1"}), Options{})
			return err
		}},
		{"same id", CodeDuplicateID, "a:1", func(p *Pool) error {
			_, err := p.Add(spec(t, config.Backend{ID: "a:1", Address: "z:1"}), Options{})
			return err
		}},
		{"patch to a taken address", CodeDuplicateAddress, "b:1", func(p *Pool) error {
			addr, _ := config.ParseAddress("b:1")
			return p.Patch("a:1", Patch{Address: &addr}, Options{})
		}},
		{"unknown backend patched", CodeUnknownBackend, "", func(p *Pool) error { return p.Patch("z", Patch{Weight: ptr(2)}, Options{}) }},
		{"unknown backend removed", CodeUnknownBackend, "", func(p *Pool) error { return p.Remove("z", Options{}) }},
		{"stale revision", CodeStaleRevision, "", func(p *Pool) error { return p.Remove("a:1", Options{IfMatch: ptr(uint64(99))}) }},
		{"link-local", CodeAddressNotAllowed, "", func(p *Pool) error { _, err := p.Add(spec(t, linkLocal), Options{}); return err }},
		{"placeholder", CodeAddressNotAllowed, "", func(p *Pool) error {
			_, err := p.Add(spec(t, config.Backend{Address: "{http.request.host}:80", ID: "x"}), Options{})
			return err
		}},
		{"none left", CodeNoneAccepting, "", func(p *Pool) error { return p.Replace(nil, Options{}) }},
		{"only unproven ones left", CodeNoneAccepting, "", func(p *Pool) error { return p.Replace(specs(t, "x:1", "y:1"), Options{}) }},
		{"all drained", CodeNoneAccepting, "", func(p *Pool) error {
			all := specs(t, "a:1", "b:1")
			all[0].AdminState, all[1].AdminState = Drain, Maintenance
			return p.Replace(all, Options{})
		}},
		{"batch with one bad", CodeDuplicateID, "n:1", func(p *Pool) error {
			return p.Replace(append(specs(t, "a:1", "n:1"), spec(t, config.Backend{ID: "n:1", Address: "m:1"})), Options{})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newTestPool(t, nil, define(t, "a:1", "b:1"))
			before := p.Snapshot()
			var e *Error
			if err := c.do(p); !errors.As(err, &e) || e.Code != c.code {
				t.Fatalf("error %v, want code %s", err, c.code)
			}
			if e.Existing != c.existing {
				t.Errorf("the backend in the way is %q, want %q", e.Existing, c.existing)
			}
			if p.Snapshot() != before {
				t.Error("a refused change has published a snapshot")
			}
			if v := p.View(); v.Revision != before.Revision {
				t.Errorf("revision %d, want %d as before", v.Revision, before.Revision)
			}
		})
	}
}

func TestReplace(t *testing.T) {
	p := newTestPool(t, nil, define(t, "a:1", "b:1"))
	kept := p.Snapshot().Find("a:1").Backend
	want := specs(t, "a:1", "c:1")
	want[0].Weight = 7
	must(t, p.Replace(want, Options{IfMatch: ptr(p.View().Revision)}))
	if got := ids(p); got != "[a:1 c:1]" {
		t.Fatalf("pool has %s", got)
	}
	m := p.Snapshot().Find("a:1")
	if m.Backend != kept || m.Weight != 7 {
		t.Errorf("the backend that stays has weight %d, and is the same: %v", m.Weight, m.Backend == kept)
	}
	// back to what the config says: nothing is left of the runtime changes
	must(t, p.Replace(specs(t, "a:1", "b:1"), Options{}))
	if p.changes.count() != 0 {
		t.Errorf("%d runtime changes are left: %v", p.changes.count(), p.changes.index)
	}
}

func TestRemovedAddressUnderAnotherID(t *testing.T) {
	p := newTestPool(t, nil, define(t, "a:1", "b:1"))
	must(t, p.Remove("b:1", Options{}))
	_, err := p.Add(spec(t, config.Backend{ID: "blue", Address: "b:1"}), Options{})
	must(t, err)
	if got := ids(p); got != "[a:1 blue]" {
		t.Errorf("pool has %s", got)
	}
}

func TestNewAddressIsANewServer(t *testing.T) {
	p := newTestPool(t, nil, define(t, "a:1", "b:1"))
	m, err := p.Acquire(&Request{})
	must(t, err)
	addr, _ := config.ParseAddress("new:1")
	must(t, p.Patch(m.ID(), Patch{Address: &addr}, Options{}))
	now := p.Snapshot().Find(m.ID())
	if now.Backend == m.Backend || now.InFlight() != 0 {
		t.Error("the new server inherited the requests of the old one")
	}
	m.Release()
	if m.InFlight() != 0 {
		t.Error("the request to the old server is still counted")
	}
}

// Where an address that came in at runtime leads to is checked when it is
// connected to, whatever backend was given it; not that of one which the config
// or discovery have come to list.
func TestRuntimeAddressesAreRestricted(t *testing.T) {
	w := &watcher{}
	def := func(addrs ...string) *Definition {
		d := define(t, addrs...)
		d.Discovery = "dns"
		return d
	}
	p := newTestPool(t, w, def("a:1", "b:1", "c:1"))
	p.SetDiscovered("dns", specsFrom(t, FromDiscovery, "d:1", "e:1"))
	_, err := p.Add(spec(t, config.Backend{Address: "added:1"}), Options{})
	must(t, err)
	for _, id := range []string{"b:1", "e:1"} {
		address, err := config.ParseAddress("patched-" + id)
		must(t, err)
		must(t, p.Patch(id, Patch{Address: &address}, Options{}))
	}
	must(t, p.Remove("c:1", Options{}))
	_, err = p.Add(spec(t, config.Backend{ID: "c:1", Address: "replaced:1"}), Options{})
	must(t, err)
	_, err = p.Add(spec(t, config.Backend{ID: "listed", Address: "c:1"}), Options{})
	must(t, err)
	check := func(want string) {
		t.Helper()
		var traffic, probes []string
		for _, m := range p.Snapshot().Members {
			if m.Transport.(*fakeTransport).restricted {
				traffic = append(traffic, m.AddressText())
			}
		}
		for _, target := range w.targets {
			if target.Connector.H2C {
				probes = append(probes, target.Backend.AddressText())
			}
		}
		if fmt.Sprint(traffic) != want || fmt.Sprint(probes) != want {
			t.Errorf("restricted is the traffic to %s, and probes of %s; want %s", traffic, probes, want)
		}
	}
	check("[patched-b:1 replaced:1 patched-e:1 added:1]")
	before := p.Snapshot().Find("added:1").Transport.(*fakeTransport)
	p.Commit("config 1", def("a:1", "b:1", "c:1", "added:1"))
	check("[patched-b:1 replaced:1 patched-e:1]")
	if !before.closed.Load() {
		t.Error("idle connections of the restricted transport are still open")
	}
}

func TestAllowedAddresses(t *testing.T) {
	allow := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("169.254.1.0/24")}
	for addr, want := range map[string]struct{ byDefault, listed bool }{
		"10.1.2.3:80":        {true, true},
		"192.168.0.1:80":     {true, false},
		"127.0.0.1:80":       {true, false},
		"169.254.1.1:80":     {false, true},
		"[fe80::1]:80":       {false, false},
		"0.0.0.0:80":         {false, false},
		"224.0.0.1:80":       {false, false},
		"[::ffff:10.0.0.1]":  {true, true},
		"name.example:80":    {true, false},
		"unix//run/app.sock": {true, false},
	} {
		s := spec(t, config.Backend{Address: addr})
		s.Source = FromRuntime
		if got := (&Definition{}).allowed(&s) == nil; got != want.byDefault {
			t.Errorf("%s: allowed by default: %v", addr, got)
		}
		if got := (&Definition{Allow: allow}).allowed(&s) == nil; got != want.listed {
			t.Errorf("%s: allowed with %v: %v", addr, allow, got)
		}
	}
}

// Of many writers with the same revision, exactly one wins.
func TestIfMatchIsCompareAndSwap(t *testing.T) {
	p := newTestPool(t, nil, define(t, "a:1"))
	rev := p.View().Revision
	var wg sync.WaitGroup
	errs := make([]error, 32)
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = p.Add(spec(t, config.Backend{Address: fmt.Sprintf("n%d:1", i)}), Options{IfMatch: &rev})
		})
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		}
	}
	if won != 1 || len(p.View().Backends) != 2 {
		t.Errorf("%d writers won, pool has %d backends", won, len(p.View().Backends))
	}
}

func TestEventsOfMutations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := &recorder{}
		def := define(t, "a:1", "b:1")
		def.Sink = rec.sink
		p := newTestPool(t, nil, def)
		_, err := p.Add(spec(t, config.Backend{Address: "c:1"}), Options{By: "10.0.0.9"})
		must(t, err)
		p.SetHealth(p.Snapshot().Find("c:1").Backend, Up, "")
		time.Sleep(time.Second)
		p.SetHealth(p.Snapshot().Find("c:1").Backend, Down, "HTTP 503")
		time.Sleep(time.Second)
		must(t, p.Patch("a:1", Patch{AdminState: ptr(Drain)}, Options{}))
		must(t, p.Patch("a:1", Patch{AdminState: ptr(Ready)}, Options{}))
		must(t, p.Remove("c:1", Options{}))
		synctest.Wait()
		want := "[backend_added c:1 backend_waiting c:1 backend_up c:1 backend_down c:1 " +
			"backend_changed a:1 backend_draining a:1 backend_changed a:1 backend_ready a:1 backend_removed c:1]"
		if got := fmt.Sprint(rec.names()); got != want {
			t.Errorf("events %s\nwant   %s", got, want)
		}
		down := rec.events[3]
		if down.Reason != "down: HTTP 503" || down.Lasted < time.Second || down.Pool != "test" {
			t.Errorf("the event of going down is %+v", down)
		}
		if rec.events[0].By != "10.0.0.9" {
			t.Errorf("added by %q", rec.events[0].By)
		}
	})
}
