package pool

import (
	"testing"
	"testing/synctest"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

func TestSubscription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(nil)
		p, err := r.Acquire("test")
		must(t, err)
		p.Commit("config", define(t, "a:1"))
		fast, slow, gone := r.Subscribe(""), r.Subscribe("test"), r.Subscribe("")
		gone.Close()
		gone.Close()
		if _, ok := <-gone.C; ok {
			t.Error("a closed subscription got an event")
		}
		add := func(b config.Backend) {
			_, err := p.Add(spec(t, b), Options{By: "me"})
			must(t, err)
		}
		add(config.Backend{Address: "b:1"})
		for i, want := range []string{EventAdded, EventWaiting} {
			e := <-fast.C
			if e.Name != want || e.Pool != "test" || e.Backend != "b:1" || e.Number != uint64(i+1) {
				t.Errorf("event %+v, want %s with the number %d", e, want, i+1)
			}
		}
		// a reader that falls behind is cut, and holds nobody up
		for i := range maxBehind {
			weight := i%2 + 1
			must(t, p.Patch("b:1", Patch{Weight: ptr(weight + 1)}, Options{}))
			synctest.Wait()
			if e, ok := <-fast.C; !ok || e.Name != EventChanged {
				t.Fatalf("event %+v", e)
			}
		}
		n := 0
		for range slow.C {
			n++
		}
		if n != maxBehind {
			t.Errorf("the slow reader got %d events before it was cut, want %d", n, maxBehind)
		}
		fast.Close()
		slow.Close()
		if len(r.hub.subs) != 0 {
			t.Errorf("%d subscriptions are left", len(r.hub.subs))
		}
		must(t, r.Release("test"))
	})
}
