package persist

import (
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// startInstance runs a store of an instance of its own, for one pool.
func startInstance(t *testing.T, storage *fakeStorage) (*Store, *pool.Pool, *logBuffer) {
	t.Helper()
	s, log := newTestStore(t, storage)
	p, err := pool.NewRegistry(nil).Acquire("web")
	must(t, err)
	s.Start([]*pool.Pool{p})
	s.Run()
	return s, p, log
}

// seenBy returns how many instances the instance knows.
func seenBy(s *Store) int { return len(s.View("web", 0).Instances) }

// Instances find each other, and notice when one leaves, or is killed.
func TestInstances(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storage := newFakeStorage()
		a, _, logA := startInstance(t, storage)
		time.Sleep(5 * time.Minute) // its signs of life have become rare
		b, _, _ := startInstance(t, storage)
		c, _, _ := startInstance(t, storage)
		time.Sleep(6 * time.Second)
		for name, s := range map[string]*Store{"a": a, "b": b, "c": c} {
			if n := seenBy(s); n != 3 {
				t.Errorf("%s knows %d instances", name, n)
			}
		}
		time.Sleep(5 * time.Minute)
		if n := seenBy(a); n != 3 {
			t.Errorf("after some minutes, %d of 3 instances are known", n)
		}
		if n := logA.count("another instance"); n != 2 {
			t.Errorf("the log has\n%s", logA.all())
		}
		// a config that follows another one has nothing new to tell of them
		next := New(a.Options)
		next.Start(nil)
		next.Run()
		a.Stop()
		a = next
		time.Sleep(3 * time.Second)
		if n := logA.count("another instance"); n != 2 {
			t.Errorf("after a reload, the log has\n%s", logA.all())
		}
		b.Stop()
		time.Sleep(3 * time.Second)
		if n := seenBy(a); n != 2 {
			t.Errorf("after one has left, there are %d", n)
		}
		// as if it was killed: it stops telling
		c.sync.cancel()
		<-c.sync.done
		time.Sleep(20 * time.Second)
		if n := seenBy(a); n != 2 {
			t.Errorf("shortly after another one was killed, there are %d", n)
		}
		time.Sleep(20 * time.Second)
		if n := seenBy(a); n != 1 {
			t.Errorf("long after another one was killed, there are %d", n)
		}
		if key := instanceKey(c.Instance.ID); storage.get(key) != "" {
			t.Errorf("%s is left over", key)
		}
		a.Stop()
		if len(storage.data) != 1 || !strings.Contains(storage.get(membersKey), `"members":[]`) {
			t.Errorf("left over is %q", storage.data)
		}
		if n := storage.held(); n > 0 {
			t.Errorf("%d locks are held", n)
		}
	})
}

// What one instance has in force is known to the others.
func TestInstancesTellNumbers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storage := newFakeStorage()
		a, _, _ := startInstance(t, storage)
		b, _, _ := startInstance(t, storage)
		defer a.Stop()
		defer b.Stop()
		time.Sleep(10 * time.Second)
		view := a.View("web", 7)
		if self := view.Instances[0]; !self.Self || !self.Current || self.Number != 7 || self.ID != a.Instance.ID {
			t.Errorf("an instance sees itself as %+v", self)
		}
		if other := view.Instances[1]; other.Self || other.Current || other.ID != b.Instance.ID {
			t.Errorf("an instance sees another as %+v", other)
		}
		if got := a.View("other", 0).Instances; len(got) != 1 {
			t.Errorf("the instances of a pool that the other does not have are %+v", got)
		}
	})
}

// A list that is damaged is made anew by those who are there. What stands in it
// and is no id is not looked up.
func TestInstancesListDamaged(t *testing.T) {
	for _, damaged := range []string{"", "{", `{"members":["../../secret",""]}`, strings.Repeat("x", maxMemberList+1)} {
		synctest.Test(t, func(t *testing.T) {
			storage := newFakeStorage()
			a, _, _ := startInstance(t, storage)
			b, _, _ := startInstance(t, storage)
			time.Sleep(10 * time.Second)
			storage.put(membersKey, damaged)
			storage.put(instanceKey(b.Instance.ID), damaged)
			time.Sleep(15 * time.Second)
			for _, s := range []*Store{a, b} {
				if n := seenBy(s); n != 2 {
					t.Errorf("after the list became %.40q, %d instances are known: %s", damaged, n, storage.get(membersKey))
				}
			}
			a.Stop()
			b.Stop()
		})
	}
}

// A storage that fails is said once to fail, and once to work again. A reload
// does not make the instance leave.
func TestSyncFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storage := newFakeStorage()
		s, _, log := startInstance(t, storage)
		time.Sleep(10 * time.Second)
		storage.set(func(string, string) error { return syscall.EHOSTUNREACH }, nil)
		time.Sleep(time.Minute)
		if err := s.View("web", 0).Err; err == nil || !strings.Contains(err.Error(), "no route to host") {
			t.Errorf("the status has the error %v", err)
		}
		at := s.View("web", 0).LastSync
		if since := time.Since(at); since < 50*time.Second {
			t.Errorf("the last success is said to be %s ago", since)
		}
		storage.set(nil, nil)
		time.Sleep(5 * time.Second)
		if v := s.View("web", 0); v.Err != nil || time.Since(v.LastSync) > 5*time.Second {
			t.Errorf("the status has the error %v and the last success at %s", v.Err, v.LastSync)
		}
		if n, m := log.count("fails"), log.count("works again"); n != 1 || m != 1 {
			t.Errorf("the log has\n%s", log.all())
		}
		next := New(s.Options) // of the config that follows
		next.Start(nil)
		next.Run()
		s.Stop()
		if !strings.Contains(storage.get(membersKey), s.Instance.ID) {
			t.Errorf("after a reload, the members are %s", storage.get(membersKey))
		}
		next.Stop()
	})
}

// The start of a config waits for a storage that hangs, but not for long, and
// not once for each pool; neither does its end.
func TestStartWhileStorageHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storage := newFakeStorage()
		release := make(chan struct{})
		storage.set(nil, func(string, string) <-chan struct{} { return release })
		s, log := newTestStore(t, storage)
		registry := pool.NewRegistry(nil)
		var pools []*pool.Pool
		began := time.Now()
		for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"} {
			p, err := registry.Acquire(name)
			must(t, err)
			s.Preload(p)
			pools = append(pools, p)
		}
		s.Start(pools)
		s.Run()
		if took := time.Since(began); took != startTimeout {
			t.Errorf("the start took %s", took)
		}
		if n := log.count("slow to answer"); n != 1 {
			t.Errorf("the log has\n%s", log.all())
		}
		time.Sleep(time.Minute)
		if err := s.View("b", 0).Err; err == nil || !strings.Contains(err.Error(), "has not answered") {
			t.Errorf("the status has the error %v", err)
		}
		if n := storage.count("load"); n > len(pools)+1 { // and the list of instances
			t.Errorf("%d documents were asked for, of %d", n, len(pools))
		}
		close(release)
		storage.set(nil, nil)
		time.Sleep(10 * time.Second)
		if n := log.count("in force now"); n != len(pools) {
			t.Errorf("the log has\n%s", log.all())
		}
		if err := s.View("b", 0).Err; err != nil {
			t.Errorf("the status has the error %v", err)
		}
		again := make(chan struct{})
		storage.set(nil, func(string, string) <-chan struct{} { return again })
		time.Sleep(10 * time.Second)
		began = time.Now()
		s.Stop()
		if took := time.Since(began); took > stopTimeout+time.Second {
			t.Errorf("the end took %s", took)
		}
		close(again)
		synctest.Wait()
	})
}

// Nothing is read that was read a moment ago: what was found before the start
// is not read again for it.
func TestStartReadsOnce(t *testing.T) {
	storage := newFakeStorage()
	s, _ := newTestStore(t, storage)
	p, err := pool.NewRegistry(nil).Acquire("web")
	must(t, err)
	s.Preload(p)
	s.Start([]*pool.Pool{p})
	if n := storage.count("load"); n != 1 {
		t.Errorf("the document was read %d times", n)
	}
	if n := storage.count("store") + storage.count("lock"); n > 0 {
		t.Errorf("the start has written %d times", n)
	}
}
