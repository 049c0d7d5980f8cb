package pool

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

func add(t testing.TB, p *Pool, address string) {
	t.Helper()
	_, err := p.Add(spec(t, config.Backend{Address: address}), Options{By: "somebody"})
	must(t, err)
}

func wantCode(t testing.TB, err error, code string) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Code != code {
		t.Fatalf("error %v, want code %s", err, code)
	}
	return e
}

// What was answered is stored, and a new process has it from the start.

func TestStoredChangesOutlastTheProcess(t *testing.T) {
	st := &memStore{}
	p := newStoredPool(t, st, "a:1", "b:1", "c:1")
	add(t, p, "n:1")
	must(t, p.Remove("b:1", Options{}))
	must(t, p.Patch("c:1", Patch{Weight: ptr(7), Labels: map[string]string{"zone": "x"}}, Options{}))
	must(t, p.Patch("n:1", Patch{AdminState: ptr(Drain)}, Options{}))
	if p.Stored() != 4 || st.stores != 4 {
		t.Errorf("number %d after %d stores", p.Stored(), st.stores)
	}
	next := newTestPool(t, nil, &Definition{Policy: rotate{}})
	must(t, next.Adopt(st.stored("test")))
	next.Commit("config 1", p.def)
	if next.Stored() != 4 {
		t.Errorf("number %d", next.Stored())
	}
	if got, want := next.View().Backends, p.View().Backends; len(got) != 3 || !sameSpecs(got, want) {
		t.Errorf("after a restart, there are %+v\nwant %+v", got, want)
	}
	// all backends of a starting process are there from the start
	add(t, p, "m:1")
	next = newRegistryPool(t)
	must(t, next.Adopt(st.stored("test")))
	next.Commit("config 1", p.def)
	if got := accepting(next); got != "[a:1 c:1 m:1]" {
		t.Errorf("after a restart, accepting are %s", got)
	}
	checkIndexes(t, next)
}

func sameSpecs(a, b []BackendView) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !a[i].equal(&b[i].Spec) {
			return false
		}
	}
	return true
}

// newRegistryPool returns a pool that no config claims.

func newRegistryPool(t testing.TB) *Pool {
	t.Helper()
	r := NewRegistry(nil)
	p, err := r.Acquire("test")
	must(t, err)
	t.Cleanup(func() { must(t, r.Release("test")) })
	return p
}

// What cannot be stored is not done.

func TestFailingStore(t *testing.T) {
	cause := errors.New("no space left on device")
	st := &memStore{}
	p := newStoredPool(t, st, "a:1", "b:1")
	add(t, p, "n:1")
	before, snap, list := p.View(), p.Snapshot(), p.changes.clone()
	st.set(cause, nil)
	for name, do := range map[string]func() error{
		"add":     func() error { _, err := p.Add(spec(t, config.Backend{Address: "m:1"}), Options{}); return err },
		"patch":   func() error { return p.Patch("a:1", Patch{Weight: ptr(3)}, Options{}) },
		"remove":  func() error { return p.Remove("n:1", Options{}) },
		"replace": func() error { return p.Replace(specs(t, "a:1"), Options{}) },
	} {
		e := wantCode(t, do(), CodeStorageFailed)
		if !errors.Is(e, cause) || strings.Contains(e.Message, cause.Error()) {
			t.Errorf("%s: %v because of %v", name, e, e.Cause)
		}
	}
	after := p.View()
	if p.Snapshot() != snap || after.Revision != before.Revision || !reflect.DeepEqual(p.changes.list, list.list) || p.Stored() != 1 {
		t.Errorf("before %+v, after %+v", before, after)
	}
	// refusals are not the store's fault
	wantCode(t, p.Remove("z", Options{}), CodeUnknownBackend)
	st.set(nil, nil)
	must(t, p.Remove("n:1", Options{}))
	if got := ids(p); got != "[a:1 b:1]" || p.Stored() != 2 {
		t.Errorf("there are %s at number %d", got, p.Stored())
	}
}

// A store that says that it has failed may have stored after all. Then that is
// what there is, and comes into force with the next change.

func TestStoreFailsAfterStoring(t *testing.T) {
	st := &memStore{failed: true}
	p := newStoredPool(t, st, "a:1")
	st.set(errors.New("timeout"), nil)
	_, err := p.Add(spec(t, config.Backend{Address: "n:1"}), Options{})
	wantCode(t, err, CodeStorageFailed)
	if got := ids(p); got != "[a:1]" {
		t.Fatalf("there are %s", got)
	}
	st.set(nil, nil)
	add(t, p, "m:1")
	if got := ids(p); got != "[a:1 n:1 m:1]" || p.Stored() != 2 {
		t.Errorf("there are %s at number %d", got, p.Stored())
	}
}

// While the storage does not answer, nobody waits but those who change
// something; and not without end.

func TestHangingStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &memStore{}
		p := newStoredPool(t, st, "a:1", "b:1")
		release := make(chan struct{})
		st.set(nil, release)
		done := make(chan error)
		go func() { done <- p.Remove("b:1", Options{}) }()
		<-st.reached

		if got := ids(p); got != "[a:1 b:1]" {
			t.Errorf("before it is stored, there are %s", got)
		}
		m, err := p.Acquire(&Request{})
		must(t, err)
		m.Release()
		p.View()
		p.SetHealth(p.Snapshot().Find("a:1").Backend, Up, "")
		if p.Stored() != 0 || p.Unsaved() {
			t.Error("something is stored")
		}
		r, err := p.Mutate(Options{DryRun: true}, func(m *Mutation) error { return m.Remove("a:1") })
		if err != nil || len(r.Changes) != 1 {
			t.Errorf("dry run: %v, %+v", err, r)
		}
		must(t, p.Adopt([]byte(documentOf(goodAdded)))) // what somebody else has stored
		if got := ids(p); got != "[a:1 b:1 n]" {
			t.Errorf("with what was adopted, there are %s", got)
		}
		p.Commit("config 1", p.def)

		start := time.Now()
		wantCode(t, p.Patch("a:1", Patch{Weight: ptr(2)}, Options{}), CodeBusy)
		if waited := time.Since(start); waited != maxTurn {
			t.Errorf("another change has waited %s", waited)
		}
		close(release)
		must(t, <-done)
		if got := ids(p); got != "[a:1 n]" {
			t.Errorf("once it is stored, there are %s", got)
		}
		checkIndexes(t, p)
	})
}

// Another instance's changes come first, and are what conditions are about.

// Whoever is told of a change made elsewhere is told who made it.

// A document of no use is set aside, and what is in force here is stored anew.

func TestDamagedDocumentIsSetAside(t *testing.T) {
	st := &memStore{}
	p := newStoredPool(t, st, "a:1", "b:1")
	add(t, p, "n:1")
	for i, damaged := range []string{"", "{", documentOf(goodAdded)[:50], `{"version":9}`, strings.Repeat("x", 1000)} {
		st.put("test", []byte(damaged))
		var e *DocumentError
		if err := p.Adopt([]byte(damaged)); !errors.As(err, &e) {
			t.Fatalf("adopted %q: %v", damaged, err)
		}
		must(t, p.Patch("a:1", Patch{Weight: ptr(2 + i)}, Options{}))
		if got := st.aside[len(st.aside)-1]; got != damaged {
			t.Errorf("set aside was %q, not %q", got, damaged)
		}
		again := newRegistryPool(t)
		must(t, again.Adopt(st.stored("test")))
		again.Commit("config 1", p.def)
		if !sameSpecs(again.View().Backends, p.View().Backends) || len(p.View().Backends) != 3 {
			t.Errorf("stored are %+v, in force %+v", again.View().Backends, p.View().Backends)
		}
	}
	// an instance that knows nothing begins anew; those that know lose nothing
	st.put("test", []byte("{"))
	fresh := newStoredPool(t, st, "a:1", "b:1")
	add(t, fresh, "m:1")
	must(t, p.Adopt(st.stored("test")))
	if got := ids(p); got != "[a:1 b:1 m:1 n:1]" || !p.Unsaved() {
		t.Errorf("there are %s, unsaved: %v", got, p.Unsaved())
	}
	must(t, p.Save("sync"))
	must(t, fresh.Adopt(st.stored("test")))
	if !sameSpecs(fresh.View().Backends, p.View().Backends) || p.Unsaved() || fresh.Unsaved() {
		t.Errorf("one has %s, the other %s", ids(fresh), ids(p))
	}
}

// A document that is lost is written again, and a change that changes nothing
// is not written.

func TestSave(t *testing.T) {
	st := &memStore{}
	p := newStoredPool(t, st, "a:1", "b:1")
	must(t, p.Save("sync"))
	must(t, p.Patch("a:1", Patch{Weight: ptr(1)}, Options{}))
	if st.stores != 0 || p.Stored() != 0 {
		t.Errorf("%d stores of nothing", st.stores)
	}
	add(t, p, "n:1")
	must(t, p.Save("sync"))
	if st.stores != 1 {
		t.Errorf("%d stores of one change", st.stores)
	}
	lost := st.stored("test")
	st.put("test", nil)
	must(t, p.Save("sync"))
	d, err := decodeDocument("test", st.stored("test"), nil)
	must(t, err)
	if d.number != 2 || d.changes.count() != 1 || d.by != "sync" || string(lost) == string(st.stored("test")) {
		t.Errorf("stored again is %s", st.stored("test"))
	}
}

// With persist off, nothing is read or stored. Turned on again, what was changed
// meanwhile is laid over what is stored.

// A change that gave way to the config is told of once, though it is in the
// document until the next change is stored; and then it is not.

// The sync may read what was stored before whoever has stored it goes on.

// Two instances change the same pool at the same time: nothing is lost, and
// nothing doubled.

// A config that comes while a change is being stored is merged with it as ever.
func TestReloadWhileStoring(t *testing.T) {
	st := &memStore{}
	p := newStoredPool(t, st, "a:1", "b:1", "c:1")
	release := make(chan struct{})
	st.set(nil, release)
	done := make(chan error)
	go func() {
		done <- p.Replace(specs(t, "a:1", "n:1"), Options{})
	}()
	<-st.reached
	def := define(t, "a:1", "b:1", "c:1", "d:1")
	def.Backends[1].Weight, def.Store = 3, st
	p.Commit("config 1", def)
	if got := ids(p); got != "[a:1 b:1 c:1 d:1]" {
		t.Errorf("before it is stored, there are %s", got)
	}
	close(release)
	must(t, <-done)
	if got := ids(p); got != "[a:1 b:1 d:1 n:1]" { // b is not what was removed any more
		t.Errorf("then, there are %s", got)
	}
	checkIndexes(t, p)
}

// A pool that ends while a change is being stored has it stored all the same.
func TestPoolEndsWhileStoring(t *testing.T) {
	st, r := &memStore{}, NewRegistry(nil)
	p, err := r.Acquire("test")
	must(t, err)
	def := define(t, "a:1", "b:1")
	def.Store = st
	p.Commit("config 1", def)
	release := make(chan struct{})
	st.set(nil, release)
	done := make(chan error)
	go func() { done <- p.Remove("b:1", Options{}) }()
	<-st.reached
	p.Withdraw("config 1")
	must(t, r.Release("test"))
	close(release)
	must(t, <-done)
	wantCode(t, p.Remove("a:1", Options{Force: true}), CodeUnknownPool)
	if st.stores != 1 {
		t.Errorf("%d stores", st.stores)
	}
}

// There is an end to what one pool can be changed by.
func TestTooManyChanges(t *testing.T) {
	p := newTestPool(t, nil, define(t, "a:1"))
	for i := range maxChanges {
		id := fmt.Sprint("b", i)
		p.changes.put(&change{id: id, removed: true, base: &Spec{ID: id}})
	}
	_, err := p.Add(spec(t, config.Backend{Address: "n:1"}), Options{})
	wantCode(t, err, CodeTooManyChanges)
	st := &memStore{}
	p = newStoredPool(t, st, "a:1")
	huge := []byte(strings.Repeat("x", MaxDocument/4))
	for i := range 4 {
		ch := &change{id: fmt.Sprint("b", i), removed: true, base: &Spec{}}
		ch.text.Store(&huge)
		p.changes.put(ch)
	}
	_, err = p.Add(spec(t, config.Backend{Address: "n:1"}), Options{})
	wantCode(t, err, CodeTooManyChanges)
	if st.stores != 0 {
		t.Error("it was stored")
	}
}
