package pool

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

func TestAnotherInstanceInBetween(t *testing.T) {
	st := &memStore{}
	p, q := newStoredPool(t, st, "a:1", "b:1"), newStoredPool(t, st, "a:1", "b:1")
	revision := q.View().Revision
	add(t, p, "n:1")
	wantCode(t, q.Patch("a:1", Patch{Weight: ptr(3)}, Options{IfMatch: &revision}), CodeStaleRevision)
	if got := ids(q); got != "[a:1 b:1 n:1]" || q.Stored() != 1 {
		t.Errorf("after a stale change, there are %s at number %d", got, q.Stored())
	}
	_, err := q.Add(spec(t, config.Backend{Address: "n:1", ID: "other"}), Options{})
	if e := wantCode(t, err, CodeDuplicateAddress); e.Existing != "n:1" {
		t.Errorf("in the way is %q", e.Existing)
	}
	must(t, q.Patch("n:1", Patch{Weight: ptr(5)}, Options{}))
	must(t, p.Patch("b:1", Patch{Weight: ptr(6)}, Options{}))
	must(t, q.Adopt(st.stored("test")))
	if !sameSpecs(p.View().Backends, q.View().Backends) || p.Snapshot().Find("n:1").Weight != 5 || q.Snapshot().Find("b:1").Weight != 6 {
		t.Errorf("one has %+v\nthe other %+v", p.View().Backends, q.View().Backends)
	}
	// what is in force already, or was before, is nothing new
	snap := q.Snapshot()
	must(t, q.Adopt(st.stored("test")))
	must(t, q.Adopt(nil))
	old := st.stored("test")
	must(t, p.Remove("n:1", Options{}))
	must(t, q.Remove("b:1", Options{}))
	if q.Snapshot() == snap {
		t.Fatal("nothing has changed")
	}
	snap = q.Snapshot()
	must(t, q.Adopt(old))
	if q.Snapshot() != snap || ids(q) != "[a:1]" {
		t.Errorf("an old document has made it %s", ids(q))
	}
}

func TestAdoptedChangesAreAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec, st := &recorder{}, &memStore{}
		p := newStoredPool(t, st, "a:1")
		def := define(t, "a:1")
		def.Store, def.Sink = st, rec.sink
		q := newTestPool(t, nil, def)
		add(t, p, "n:1")
		must(t, q.Adopt(st.stored("test")))
		synctest.Wait()
		if got := fmt.Sprint(rec.names()); got != "[backend_added n:1 backend_waiting n:1]" || rec.events[0].By != "somebody, at another instance" {
			t.Errorf("events %s by %q", got, rec.events[0].By)
		}
	})
}

func TestPersistOffAndOn(t *testing.T) {
	st := &memStore{}
	p, other := newStoredPool(t, st, "a:1", "b:1", "c:1"), newStoredPool(t, st, "a:1", "b:1", "c:1")
	add(t, p, "n:1")
	add(t, p, "m:1")
	must(t, p.Patch("a:1", Patch{Weight: ptr(2)}, Options{}))

	p.Commit("config 1", define(t, "a:1", "b:1", "c:1"))
	updates := st.updates
	must(t, p.Remove("n:1", Options{}))
	must(t, p.Patch("b:1", Patch{Weight: ptr(3)}, Options{}))
	if st.updates != updates || p.Unsaved() {
		t.Fatal("the storage was used")
	}
	must(t, other.Patch("c:1", Patch{Weight: ptr(4)}, Options{}))
	must(t, other.Patch("b:1", Patch{Weight: ptr(9)}, Options{})) // lost: both changed it
	must(t, other.Patch("a:1", Patch{Weight: ptr(5)}, Options{}))

	def := define(t, "a:1", "b:1", "c:1")
	def.Store = st
	p.Commit("config 1", def)
	if !p.Unsaved() {
		t.Error("what was changed meanwhile counts as stored")
	}
	must(t, p.Adopt(st.stored("test")))
	want := "[a:1*5 b:1*3 c:1*4 m:1*1]"
	if got := weights(p); got != want {
		t.Errorf("there are %s, want %s", got, want)
	}
	add(t, p, "x:1")
	must(t, other.Adopt(st.stored("test")))
	if got := weights(other); got != "[a:1*5 b:1*3 c:1*4 m:1*1 x:1*1]" || p.Unsaved() {
		t.Errorf("another instance has %s, unsaved: %v", got, p.Unsaved())
	}
}

func weights(p *Pool) string {
	var list []string
	for _, b := range p.View().Backends {
		list = append(list, fmt.Sprintf("%s*%d", b.ID, b.Weight))
	}
	return fmt.Sprint(list)
}

func TestYieldedChangesLeaveTheDocument(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec, st := &recorder{}, &memStore{}
		p := newStoredPool(t, st, "a:1", "b:1")
		must(t, p.Patch("a:1", Patch{Weight: ptr(3)}, Options{}))
		add(t, p, "n:1")
		other := newStoredPool(t, st, "a:1", "b:1") // which has the config as it was
		must(t, other.Adopt(st.stored("test")))

		def := define(t, "a:1", "b:1")
		def.Backends[0].Weight, def.Store, def.Sink = 5, st, rec.sink
		p.Commit("config 1", def)
		if st.stores != 2 {
			t.Error("a reload has stored something")
		}
		for i := range 3 {
			must(t, other.Patch("b:1", Patch{Weight: ptr(i + 2)}, Options{}))
			must(t, p.Adopt(st.stored("test")))
		}
		synctest.Wait()
		told := strings.Count(fmt.Sprint(rec.names()), EventYielded)
		if got := weights(p); got != "[a:1*5 b:1*4 n:1*1]" || told != 1 {
			t.Errorf("there are %s, told %d times", got, told)
		}
		if !strings.Contains(string(st.stored("test")), `"a:1"`) {
			t.Errorf("another instance has lost its change: %s", st.stored("test"))
		}
		must(t, p.Remove("n:1", Options{}))
		if d, err := decodeDocument("test", st.stored("test"), nil); err != nil || d.changes.find("a:1") != nil || d.changes.count() != 1 {
			t.Errorf("stored is %s: %v", st.stored("test"), err)
		}
	})
}

func TestOwnDocumentIsAdoptedFirst(t *testing.T) {
	st := &adoptingStore{}
	p := newStoredPool(t, st, "a:1", "b:1")
	st.pool = p
	add(t, p, "n:1")
	r, err := p.Mutate(Options{}, func(m *Mutation) error { return m.Remove("a:1") })
	must(t, err)
	if got := ids(p); got != "[b:1 n:1]" || r.Revision != p.View().Revision || p.Stored() != 2 {
		t.Errorf("there are %s at revision %d, number %d; answered was %d", got, p.View().Revision, p.Stored(), r.Revision)
	}
	checkIndexes(t, p)
}

// adoptingStore has the pool adopt what it has just stored.
type adoptingStore struct {
	memStore
	pool *Pool
}

func (s *adoptingStore) Update(pool string, change func([]byte) ([]byte, error)) error {
	if err := s.memStore.Update(pool, change); err != nil {
		return err
	}
	return s.pool.Adopt(s.stored(pool))
}

func TestTwoInstancesAtOnce(t *testing.T) {
	const each = 30
	st := &memStore{}
	pools := []*Pool{newStoredPool(t, st, "a:1", "b:1"), newStoredPool(t, st, "a:1", "b:1")}
	var wg sync.WaitGroup
	for i, p := range pools {
		for w := range 4 {
			wg.Go(func() {
				for n := range each {
					address := fmt.Sprintf("n%d-%d-%d:1", i, w, n)
					if _, err := p.Add(spec(t, config.Backend{Address: address}), Options{}); err != nil {
						t.Error(err)
					}
					// the sync of either may come at any time
					for _, p := range pools {
						if err := p.Adopt(st.stored("test")); err != nil {
							t.Error(err)
						}
					}
					if n%3 == 0 {
						continue
					}
					if err := p.Patch(address, Patch{Weight: ptr(n + 1)}, Options{}); err != nil {
						t.Error(err)
					}
					if n%3 == 1 {
						if err := p.Remove(address, Options{}); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
	}
	wg.Wait()
	for _, p := range pools {
		must(t, p.Adopt(st.stored("test")))
		checkIndexes(t, p)
		v := p.View()
		if want := 2 + 2*4*each*2/3; len(v.Backends) != want {
			t.Errorf("there are %d backends, want %d", len(v.Backends), want)
		}
	}
	if want := uint64(2 * 4 * each * 2); pools[0].Stored() != want || pools[1].Stored() != want {
		t.Errorf("numbers %d and %d, want %d", pools[0].Stored(), pools[1].Stored(), want)
	}
	if !sameSpecs(pools[0].View().Backends, pools[1].View().Backends) {
		t.Error("the instances differ")
	}
}

// An empty document is damaged. It is not the same as none.
func TestAdoptEmpty(t *testing.T) {
	p := newTestPool(t, nil, define(t, "a:1"))
	var damaged *DocumentError
	if err := p.Adopt([]byte{}); !errors.As(err, &damaged) {
		t.Errorf("the error is %v", err)
	}
	must(t, p.Adopt(nil))
}
