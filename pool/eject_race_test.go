package pool

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// While a backend returns, exactly one request at a time is with it, however
// many want to go there, and whatever else happens to the pool.
func TestOneAtATimeUnderLoad(t *testing.T) {
	p, _ := newEjecting(t, Ejections{Base: time.Millisecond, Max: time.Millisecond, MaxPercent: 50}, "a:1", "b:1", "c:1")
	a := p.find("a:1")
	var trials, within, most atomic.Int64
	stop := make(chan struct{})
	var others, clients sync.WaitGroup
	others.Go(func() { // snapshots come and go
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				must(t, p.Patch("b:1", Patch{Weight: ptr(i%7 + 1)}, Options{}))
			}
		}
	})
	eject(t, p, "a:1", Ejected)
	for c := range 8 {
		clients.Go(func() {
			random := rand.New(rand.NewPCG(uint64(c), 1))
			for trials.Load() < 100 {
				m, err := p.Acquire(&Request{})
				must(t, err)
				if m.Backend == a && m.OnTrial() {
					if n := within.Add(1); n > most.Load() {
						most.Store(n)
					}
					trials.Add(1)
					for range 20 {
						runtime.Gosched()
					}
					within.Add(-1)
					if random.IntN(2) == 0 { // else its client has left
						p.Eject(m, time.Time{}, "failed")
					}
				}
				m.Release()
			}
		})
	}
	clients.Wait()
	close(stop)
	others.Wait()
	if n := most.Load(); n != 1 {
		t.Errorf("%d requests at the same time", n)
	}
	for _, v := range p.View().Backends {
		if v.InFlight != 0 {
			t.Errorf("%d requests in flight to %s", v.InFlight, v.ID)
		}
	}
}

// However many fail at the same time, no more are ejected than may be, and one
// that accepts is left.
func TestMostEjectedUnderLoad(t *testing.T) {
	for _, percent := range []int{30, 50, 100} {
		t.Run(fmt.Sprint(percent), func(t *testing.T) {
			const n = 20
			def := &Definition{Backends: manySpecs(t, n), Policy: rotate{}, Ejections: Ejections{Base: time.Hour, Max: time.Hour, MaxPercent: percent}}
			p := newTestPool(t, nil, def)
			members := p.Snapshot().Members
			var ejected atomic.Int64
			var workers sync.WaitGroup
			for w := range 8 {
				workers.Go(func() {
					random := rand.New(rand.NewPCG(uint64(w), 2))
					for range 200 {
						m := members[random.IntN(n)]
						if p.Eject(m, time.Time{}, "failed") == Ejected {
							ejected.Add(1)
						}
						if random.IntN(4) == 0 {
							p.SetHealth(members[n-1].Backend, []Health{Up, Down}[random.IntN(2)], "")
						}
					}
				})
			}
			workers.Wait()
			p.publishNow()
			states := make(map[string]int)
			for _, v := range p.View().Backends {
				states[v.State]++
			}
			if got := ejected.Load(); got > int64(n*percent/100) {
				t.Errorf("%d were ejected", got)
			}
			if !p.Snapshot().accepts() {
				t.Errorf("nobody accepts: %v", states)
			}
		})
	}
}
