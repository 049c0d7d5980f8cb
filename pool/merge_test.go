package pool

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// An id that looks like the address of another backend is nothing special.
func TestIDLikeAnotherAddress(t *testing.T) {
	p := newTestPool(t, nil, define(t, "a:1", "b:1"))
	address, err := config.ParseAddress("c:1")
	must(t, err)
	must(t, p.Patch("a:1", Patch{Address: &address}, Options{}))
	_, err = p.Add(spec(t, config.Backend{ID: "new", Address: "a:1"}), Options{})
	must(t, err)
	if got := ids(p); got != "[a:1 b:1 new]" {
		t.Errorf("after a backend was added at the address that another one has left, there are %s", got)
	}
	def := define(t)
	def.Backends = []Spec{
		spec(t, config.Backend{ID: "b:1", Address: "a:1"}),
		spec(t, config.Backend{ID: "a:1", Address: "b:1"}),
	}
	p = newTestPool(t, nil, def)
	if got := ids(p); got != "[b:1 a:1]" {
		t.Errorf("of two configured backends with each other's address as their id, there are %s", got)
	}
}

// An address that was given to a backend at runtime yields to the config and to
// discovery, if they have come to list it for another backend.
func TestTakenAddressYields(t *testing.T) {
	p := newTestPool(t, nil, define(t, "a:1", "b:1", "c:1"))
	move := func(id, to string) {
		t.Helper()
		address, err := config.ParseAddress(to)
		must(t, err)
		must(t, p.Patch(id, Patch{Address: &address}, Options{Force: true}))
	}
	move("a:1", "x:1")
	move("b:1", "a:1") // which must make room when a has to go home
	move("c:1", "b:1") // and so must this one, for b
	must(t, p.Patch("c:1", Patch{Weight: ptr(5)}, Options{}))

	p.Commit("config 1", define(t, "a:1", "b:1", "c:1"))
	if got := addresses(p); got != "[x:1 a:1 b:1]" {
		t.Fatalf("a reload of the same config moved the backends to %s", got)
	}
	p.Commit("config 1", define(t, "a:1", "b:1", "c:1", "x:1"))
	if got := addresses(p); got != "[a:1 b:1 c:1 x:1]" {
		t.Errorf("with the address listed in the config, the backends are at %s", got)
	}
	if got := p.Snapshot().Find("c:1").Weight; got != 5 {
		t.Errorf("weight %d: the other fields of the change were lost", got)
	}
	// a pool with two backends at one address would refuse every change
	must(t, p.Patch("b:1", Patch{Weight: ptr(2)}, Options{}))

	def := define(t, "a:1")
	def.Discovery = "dns"
	p = newTestPool(t, nil, def)
	move("a:1", "x:1")
	p.SetDiscovered("dns", specsFrom(t, FromDiscovery, "x:1"))
	if got := addresses(p); got != "[a:1 x:1]" {
		t.Errorf("with the address discovered, the backends are at %s", got)
	}
}

// The names of a pool's backends are what config, discovery and runtime changes
// amount to, in any order of events: nothing that was accepted is lost, and no
// two backends have an id or an address in common.
func TestChangesAgainstModel(t *testing.T) {
	names := []string{"a:1", "b:1", "c:1", "d:1", "e:1"}
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		pick := func() string { return names[rnd.IntN(len(names))] }
		some := func(source Source) (list []Spec) {
			for _, id := range rnd.Perm(len(names))[:rnd.IntN(4)] {
				list = append(list, sourced(t, source, names[id], names[id]))
			}
			return list
		}
		st := &memStore{}
		def := func() *Definition {
			d := define(t)
			d.Backends, d.Discovery, d.Store = some(FromConfig), "dns", st
			return d
		}
		p := newTestPool(t, nil, def())
		for step := range 30 {
			before, stores := p.View(), st.stores
			var err error
			want := before.Backends
			conflict := false // an error is due
			switch rnd.IntN(7) {
			case 0:
				id, address := pick(), pick()
				conflict = slices.ContainsFunc(want, func(b BackendView) bool { return b.ID == id || b.Address.String() == address })
				_, err = p.Add(sourced(t, FromRuntime, id, address), Options{Force: true})
				want = append(slices.Clone(want), BackendView{Spec: sourced(t, FromRuntime, id, address)})
			case 1:
				id := pick()
				conflict = !hasID(want, id)
				err = p.Remove(id, Options{Force: true})
				want = slices.DeleteFunc(slices.Clone(want), func(b BackendView) bool { return b.ID == id })
			case 2:
				id, address := pick(), sourced(t, FromRuntime, "x", pick()).Address
				conflict = !hasID(want, id) ||
					slices.ContainsFunc(want, func(b BackendView) bool { return b.ID != id && b.Address == address })
				patch := Patch{Address: &address, Weight: ptr(1 + rnd.IntN(3))}
				if rnd.IntN(2) == 0 {
					patch.Address, patch.Labels = nil, []map[string]string{nil, {}, {"zone": "a"}}[rnd.IntN(3)]
					conflict = !hasID(want, id)
				}
				err = p.Patch(id, patch, Options{Force: true})
				want = slices.Clone(want)
				for i := range want {
					if want[i].ID == id && patch.Address != nil {
						want[i].Address = address
					}
				}
			case 3:
				p.SetDiscovered("dns", some(FromDiscovery))
				want = nil
			case 4:
				var list []Spec
				want = nil
				for range rnd.IntN(4) {
					s := sourced(t, FromRuntime, pick(), pick())
					conflict = conflict ||
						slices.ContainsFunc(list, func(o Spec) bool { return o.ID == s.ID || o.Address == s.Address })
					list, want = append(list, s), append(want, BackendView{Spec: s})
				}
				err = p.Replace(list, Options{Force: true})
				if want == nil {
					want = []BackendView{}
				}
			default:
				p.Commit("config 1", def())
				want = nil
			}
			if want != nil && before.Revision == 0 {
				conflict = true // it never had a backend
			}
			if (err != nil) != conflict {
				t.Fatalf("seed %d, step %d: error %v with %s", seed, step, err, inOrder(before.Backends))
			}
			if err != nil {
				want = before.Backends
			}
			checkIndexes(t, p)
			after := p.View().Backends
			if want != nil && inOrder(after) != inOrder(want) {
				t.Fatalf("seed %d, step %d: %v: the pool has %s, want %s", seed, step, err, inOrder(after), inOrder(want))
			}
			checkUnique(t, seed, step, after)
			if st.stores > stores {
				checkStored(t, p, st.stored("test"))
			}
		}
	}
}

func hasID(list []BackendView, id string) bool {
	return slices.ContainsFunc(list, func(b BackendView) bool { return b.ID == id })
}

// checkIndexes checks that what the pool keeps to find things fast is right.
func checkIndexes(t *testing.T, p *Pool) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.specs); len(p.live) != n || len(p.index) != n || len(p.byAddress) != n {
		t.Fatalf("%d backends, of which %d live, %d by id and %d by address", n, len(p.live), len(p.index), len(p.byAddress))
	}
	for i := range p.specs {
		s, b := &p.specs[i], p.live[i]
		if p.index[s.ID] != i || p.byAddress[s.Address] != i || b.id != s.ID || b.address != s.Address {
			t.Fatalf("backend %d, %s, is at %d by id and at %d by address, and lives as %s", i, s.ID, p.index[s.ID], p.byAddress[s.Address], b.id)
		}
		if b.cond.admin != s.AdminState {
			t.Fatalf("%s is %s, not %s", s.ID, b.cond.admin, s.AdminState)
		}
	}
	if fresh := p.changes.merge(p.defs, p.listed); !reflect.DeepEqual(fresh.specs, p.specs) || len(fresh.gaveWay) > 0 {
		t.Fatalf("the pool has %+v, put together anew it has %+v, and %+v gives way", p.specs, fresh.specs, fresh.gaveWay)
	}
	for i, ch := range p.changes.list {
		if ch != nil && p.changes.find(ch.id) != ch {
			t.Fatalf("change %d, of %s, is not found", i, ch.id)
		}
	}
}

// checkStored checks that the document amounts to what the pool has.
func checkStored(t *testing.T, p *Pool, data []byte) {
	t.Helper()
	d, err := decodeDocument(p.name, data, nil)
	must(t, err)
	p.mu.Lock()
	defer p.mu.Unlock()
	again := d.changes.merge(p.defs, p.listed)
	if !slices.EqualFunc(again.specs, p.specs, func(a, b Spec) bool { return a.equal(&b) && a.restricted == b.restricted }) || len(again.gaveWay) > 0 {
		t.Fatalf("the pool has %+v, stored are %+v, and %+v gives way", p.specs, again.specs, again.gaveWay)
	}
}

func checkUnique(t *testing.T, seed uint64, step int, list []BackendView) {
	t.Helper()
	ids, addresses := make(map[string]bool), make(map[config.Address]bool)
	for _, b := range list {
		if ids[b.ID] || addresses[b.Address] {
			t.Fatalf("seed %d, step %d: id or address come twice: %s", seed, step, inOrder(list))
		}
		ids[b.ID], addresses[b.Address] = true, true
	}
}

// inOrder lists the backends by their ids, with their addresses.
func inOrder(list []BackendView) string {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b BackendView) int { return cmp.Compare(a.ID, b.ID) })
	text := make([]string, len(list))
	for i, b := range list {
		text[i] = b.ID + "=" + b.Address.String()
	}
	return fmt.Sprint(text)
}

// addresses lists where the pool's backends are.
func addresses(p *Pool) string {
	var list []string
	for _, m := range p.Snapshot().Members {
		list = append(list, m.AddressText())
	}
	return fmt.Sprint(list)
}

func sourced(t testing.TB, source Source, id, address string) Spec {
	t.Helper()
	s := spec(t, config.Backend{ID: id, Address: address})
	s.Source = source
	return s
}

func specsFrom(t testing.TB, source Source, addrs ...string) []Spec {
	t.Helper()
	list := specs(t, addrs...)
	for i := range list {
		list[i].Source = source
	}
	return list
}
