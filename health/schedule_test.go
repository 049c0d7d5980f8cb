package health

import (
	"context"
	"math"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// diary remembers when which address was dialed, and whether any was dialed
// twice at a time.
type diary struct {
	takes time.Duration // how long a dial takes

	mu      sync.Mutex
	begin   time.Time
	starts  map[string][]time.Duration
	ends    map[string][]time.Duration
	now     map[string]int
	open    int
	most    int // at a time, of all
	overlap int // of one address
}

func newDiary(takes time.Duration) *diary {
	return &diary{
		takes: takes, begin: time.Now(), now: make(map[string]int),
		starts: make(map[string][]time.Duration), ends: make(map[string][]time.Duration),
	}
}

func (d *diary) dial(ctx context.Context, _, address string) (net.Conn, error) {
	d.mu.Lock()
	d.starts[address] = append(d.starts[address], time.Since(d.begin))
	d.now[address]++
	d.open++
	d.most = max(d.most, d.open)
	if d.now[address] > 1 {
		d.overlap++
	}
	d.mu.Unlock()
	err := sleep(ctx, d.takes)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ends[address] = append(d.ends[address], time.Since(d.begin))
	d.now[address]--
	d.open--
	if err != nil {
		return nil, err
	}
	return stubConn{}, nil
}

// busiest returns the most dials that there were at a time.
func (d *diary) busiest() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.most
}

func seeded() func() float64 {
	r := rand.New(rand.NewPCG(1, 2))
	var mu sync.Mutex
	return func() float64 {
		mu.Lock()
		defer mu.Unlock()
		return r.Float64()
	}
}

func TestGap(t *testing.T) {
	tests := []struct {
		first bool
		r     float64
		want  time.Duration
	}{
		{false, 0, 9 * time.Second},
		{false, 0.5, 10 * time.Second},
		{false, 1, 11 * time.Second},
		{true, 0, time.Second},
		{true, 1, 11 * time.Second},
	}
	for _, test := range tests {
		got := gap(10*time.Second, test.first, test.r)
		if diff := got - test.want; diff.Abs() > time.Microsecond {
			t.Errorf("gap with first %t and r %g: got %s, want %s", test.first, test.r, got, test.want)
		}
	}
}

func TestOneBackendIsProbedAtOnceThenWithJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDiary(time.Millisecond)
		newRig(t, 1, every(10*time.Second, 5*time.Second), Options{Rand: seeded()}, d.dial)
		time.Sleep(10_000 * time.Second)
		d.mu.Lock()
		defer d.mu.Unlock()
		starts := d.starts["127.0.0.0:80"]
		if starts[0] != 0 {
			t.Errorf("first probe after %s", starts[0])
		}
		shortest, longest := time.Hour, time.Duration(0)
		for i := 2; i < len(starts); i++ {
			shortest = min(shortest, starts[i]-starts[i-1])
			longest = max(longest, starts[i]-starts[i-1])
		}
		if shortest < 9*time.Second || longest > 11*time.Second+2*minSleep {
			t.Errorf("gaps from %s to %s", shortest, longest)
		}
		if longest-shortest < time.Second {
			t.Errorf("gaps from %s to %s are hardly any jitter", shortest, longest)
		}
		if n := len(starts); n < 980 || n > 1020 {
			t.Errorf("%d probes in 1000 intervals", n)
		}
	})
}

func TestSlowProbeDelaysTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDiary(25 * time.Second)
		newRig(t, 1, every(10*time.Second, 30*time.Second), Options{}, d.dial)
		time.Sleep(260 * time.Second)
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.overlap > 0 {
			t.Errorf("%d probes overlapped", d.overlap)
		}
		if n := len(d.starts["127.0.0.0:80"]); n < 10 || n > 11 {
			t.Errorf("%d probes of 25s in 260s", n)
		}
	})
}

func TestTenThousandBackends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const (
			n        = 10_000
			limit    = 256
			interval = 10 * time.Second
			rounds   = 6
		)
		before := runtime.NumGoroutine()
		d := newDiary(20 * time.Millisecond)
		newRig(t, n, every(interval, 5*time.Second), Options{MaxConcurrent: limit, Rand: seeded()}, d.dial)
		var goroutines atomic.Int64
		for range 100 {
			time.Sleep(9 * time.Millisecond)
			goroutines.Store(max(goroutines.Load(), int64(runtime.NumGoroutine())))
		}
		if most := int(goroutines.Load()) - before; most > limit+8 {
			t.Errorf("%d goroutines for at most %d probes", most, limit)
		}
		if most := d.busiest(); most != limit {
			t.Errorf("at most %d probes at a time, want %d", most, limit)
		}
		time.Sleep(rounds*interval + interval/2)
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.overlap > 0 {
			t.Errorf("%d probes overlapped another of the same backend", d.overlap)
		}
		checkSpread(t, d, n, interval, rounds)
	})
}

// checkSpread checks that all of n addresses were dialed soon, and none less
// often than it should; and that dials were spread evenly later.
func checkSpread(t *testing.T, d *diary, n int, interval time.Duration, rounds int) {
	t.Helper()
	if len(d.starts) != n {
		t.Errorf("%d of %d backends were probed", len(d.starts), n)
	}
	perSecond := make(map[int]int)
	for address, starts := range d.starts {
		if starts[0] > 3*time.Second {
			t.Fatalf("%s was first probed after %s", address, starts[0])
		}
		if len(starts) < rounds {
			t.Errorf("%s was probed %d times in %d intervals", address, len(starts), rounds)
		}
		for i, start := range starts {
			perSecond[int(start/time.Second)]++
			if i > 0 && start-starts[i-1] > interval+interval/10+interval/50 {
				t.Errorf("%s was not probed for %s", address, start-starts[i-1])
			}
		}
	}
	mean := float64(n) / interval.Seconds()
	for second := int(interval.Seconds()) * 2; second < int(interval.Seconds())*rounds; second++ {
		if off := math.Abs(float64(perSecond[second]) - mean); off > mean/4 {
			t.Errorf("%d probes in second %d, want about %.0f", perSecond[second], second, mean)
		}
	}
}

func TestProbesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDiary(time.Hour) // all time out
		r := newRig(t, 100, every(10*time.Second, 5*time.Second), Options{MaxConcurrent: 10}, d.dial)
		time.Sleep(2 * time.Minute)
		if most := d.busiest(); most != 10 {
			t.Errorf("%d probes at a time, want 10", most)
		}
		// a new one does not wait behind those that are overdue
		if _, err := r.Add(spec(t, 1000), pool.Options{Force: true}); err != nil {
			t.Fatal(err)
		}
		added := time.Since(d.begin)
		time.Sleep(6 * time.Second)
		d.mu.Lock()
		defer d.mu.Unlock()
		if len(d.starts) != 101 {
			t.Errorf("%d of 101 backends were probed", len(d.starts))
		}
		first := d.starts["127.0.3.232:80"]
		if len(first) == 0 || first[0]-added > 5*time.Second {
			t.Errorf("added after %s, first probed after %v", added, first)
		}
	})
}

func TestNothingRunsWithoutTargets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// others than this test's may end meanwhile; a goroutine of this one
		// that is left over fails the bubble as well
		before := runtime.NumGoroutine()
		c := NewChecker(Options{})
		if n := runtime.NumGoroutine(); n > before {
			t.Errorf("%d goroutines more for an idle checker", n-before)
		}
		registry := pool.NewRegistry(c)
		p, err := registry.Acquire("test")
		if err != nil {
			t.Fatal(err)
		}
		d := newDiary(time.Hour)
		active := every(10*time.Second, 5*time.Second)
		p.Commit(1, &pool.Definition{
			Policy: nobody{}, Active: &active, Backends: []pool.Spec{spec(t, 0), spec(t, 1)},
			Transports: &transports{pool.Connector{Dial: d.dial}},
		})
		synctest.Wait()
		if n := d.busiest(); n != 2 {
			t.Errorf("%d probes are running, want 2", n)
		}
		if err := registry.Release("test"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if n := runtime.NumGoroutine(); n > before {
			t.Errorf("%d goroutines more after all pools have ended", n-before)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if len(c.pools) != 0 || len(c.queue) != 0 || c.running != 0 || !c.wakeAt.IsZero() {
			t.Errorf("left: %d pools, %d queued, %d running, timer at %s", len(c.pools), len(c.queue), c.running, c.wakeAt)
		}
	})
}
