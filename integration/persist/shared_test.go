package persist

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

// TestInstances runs two instances on one storage. What is changed on one is in
// force on the other soon, and an answer can wait for that.
func TestInstances(t *testing.T) {
	s := newSetup(t)
	a, b := s.start(t), s.start(t)
	known := func(in *instance, n int) {
		t.Helper()
		process.Eventually(t, func() error {
			if p := in.pool("web"); len(p.Instances) != n {
				return fmt.Errorf("the instances are %+v, want %d", p.Instances, n)
			}
			return nil
		})
	}
	known(a, 2)
	known(b, 2)
	a.change("web")
	began := time.Now()
	var p pool
	if err := json.Unmarshal(a.must(http.StatusOK, http.MethodGet, "pools/web?wait=20s", nil), &p); err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	for _, other := range p.Instances {
		if !other.Current || other.Number != p.Storage.Number {
			t.Errorf("after a wait of %s, the instances are %+v", took, p.Instances)
		}
	}
	if got := b.weights("web"); !maps.Equal(got, changed) {
		t.Errorf("the other instance has %v", got)
	}
	if took > 10*time.Second { // twice the interval of 200 ms, on a busy machine
		t.Errorf("it took %s until both instances were current", took)
	}
	t.Logf("both instances were current after %s", took)
	if err := b.Stop(); err != nil {
		t.Fatal(err)
	}
	known(a, 1)
	b = s.start(t)
	known(a, 2)
	if got := b.weights("web"); !maps.Equal(got, changed) {
		t.Errorf("an instance that comes later has %v", got)
	}
}

// Changes that come to both instances at the same time are all made, each once.
func TestInstancesChangeAtOnce(t *testing.T) {
	const clients, changes = 3, 40
	s := newSetup(t)
	instances := []*instance{s.start(t), s.start(t)}
	want := map[string]int{"127.0.0.1:1": 1, "127.0.0.1:2": 1}
	var group sync.WaitGroup
	var mu sync.Mutex
	var longest time.Duration
	for i, in := range instances {
		for c := range clients {
			for n := range changes {
				want[fmt.Sprintf("10.%d.%d.%d:80", i, c, n)] = 2
			}
			group.Go(func() {
				for n := range changes {
					id := fmt.Sprintf("10.%d.%d.%d:80", i, c, n)
					began := time.Now()
					for _, step := range []struct {
						method, path string
						body         any
						want         int
					}{
						{http.MethodPost, "", backend{Address: id}, http.StatusCreated},
						{http.MethodPatch, "/" + id, backend{Weight: 2}, http.StatusOK},
					} {
						status, answer, err := in.call(step.method, "pools/web/backends"+step.path, step.body)
						if err != nil || status != step.want {
							t.Errorf("%s %s: status %d, %v: %s", step.method, id, status, err, answer)
							return
						}
					}
					mu.Lock()
					longest = max(longest, time.Since(began))
					mu.Unlock()
				}
			})
		}
	}
	group.Wait()
	t.Logf("the longest pair of changes took %s", longest)
	for i, in := range instances {
		process.Eventually(t, func() error {
			if got := in.weights("web"); !maps.Equal(got, want) {
				return fmt.Errorf("instance %d has %d backends, not %d", i, len(got), len(want))
			}
			return nil
		})
		if got := in.pool("web").Storage.Number; got != 2*2*clients*changes {
			t.Errorf("instance %d has document %d after %d changes", i, got, 2*2*clients*changes)
		}
	}
}

// An instance that is killed in the middle of its changes holds up the others
// until its lock is stale, and no longer. What it has answered is there.
func TestInstanceKilled(t *testing.T) {
	s := newSetup(t)
	a, b := s.start(t), s.start(t)
	want := map[string]int{"127.0.0.1:1": 1, "127.0.0.1:2": 1}
	var mu sync.Mutex
	add := func(in *instance, id string) bool {
		status, answer, err := in.call(http.MethodPost, "pools/web/backends", backend{Address: id})
		if err != nil {
			return false
		}
		if status != http.StatusCreated {
			t.Errorf("%s: status %d: %s", id, status, answer)
		}
		mu.Lock()
		defer mu.Unlock()
		want[id] = 1
		return true
	}
	var last string // of those sent to b; not answered
	var group sync.WaitGroup
	group.Go(func() {
		for n := 0; ; n++ {
			if last = fmt.Sprintf("10.2.0.%d:80", n); n > 200 || !add(b, last) {
				return
			}
			if n == 30 {
				go b.Kill()
			}
		}
	})
	var longest time.Duration
	for n := range 100 {
		began := time.Now()
		if !add(a, fmt.Sprintf("10.1.0.%d:80", n)) {
			t.Fatal("the other instance has not answered")
		}
		longest = max(longest, time.Since(began))
	}
	group.Wait()
	t.Logf("the longest change took %s", longest)
	if longest > 20*time.Second {
		t.Errorf("a change took %s", longest)
	}
	process.Eventually(t, func() error {
		got := a.weights("web")
		delete(got, last)
		if !maps.Equal(got, want) {
			return fmt.Errorf("there are\n%v\nwant\n%v", got, want)
		}
		return nil
	})
}
