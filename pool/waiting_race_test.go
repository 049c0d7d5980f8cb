package pool

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// crowd is many clients that use a pool at once.
type crowd struct {
	pool   *Pool
	limits map[string]int64 // that must be kept; nil: they change
	busy   sync.Map         // number of requests being served, by backend
	served atomic.Int64
	left   atomic.Int64
	waited atomic.Int64
}

// run has clients make requests one after the other; one in impatient leaves
// while it waits.
func (c *crowd) run(t *testing.T, clients, requests, impatient int) {
	var all sync.WaitGroup
	for client := range clients {
		all.Go(func() {
			r := &http.Request{Header: http.Header{"Client": {fmt.Sprint(client)}}}
			for i := range requests {
				ctx, cancel := context.WithCancel(t.Context())
				if (client+i)%impatient == 0 {
					go cancel()
				}
				c.visit(ctx, t, r)
				cancel()
			}
		})
	}
	all.Wait()
}

func (c *crowd) visit(ctx context.Context, t *testing.T, r *http.Request) {
	var q Request
	q.Reset(nil, r)
	m, err := c.pool.Acquire(&q)
	if err != nil {
		m, err = c.pool.Wait(ctx, &q, time.Time{})
		c.waited.Add(1)
	}
	switch {
	case errors.Is(err, context.Canceled):
		c.left.Add(1)
		return
	case err != nil:
		t.Error(err)
		return
	}
	v, _ := c.busy.LoadOrStore(m.id, new(atomic.Int64))
	busy := v.(*atomic.Int64)
	if n := busy.Add(1); c.limits != nil && n > c.limits[m.id] {
		t.Errorf("%d requests at backend %s", n, m.id)
	}
	for range rand.IntN(4) {
		runtime.Gosched()
	}
	busy.Add(-1)
	m.Release()
	c.served.Add(1)
}

func (c *crowd) check(t *testing.T, total int) {
	t.Helper()
	if n := c.served.Load() + c.left.Load(); n != int64(total) {
		t.Errorf("%d requests served and %d left, of %d", c.served.Load(), c.left.Load(), total)
	}
	wantQueue(t, c.pool, 0)
	for _, m := range c.pool.Snapshot().Members {
		if n := m.InFlight(); n != 0 {
			t.Errorf("%d requests in flight to backend %s", n, m.id)
		}
	}
	v := c.pool.View().Queue
	if v.Served+v.Left+v.TimedOut != v.Waited || v.TimedOut+v.Refused != 0 {
		t.Errorf("%+v", v)
	}
	t.Logf("%d served, %d left, %d had to wait; %+v", c.served.Load(), c.left.Load(), c.waited.Load(), v)
}

// Limits are exact and nobody is lost, however many come and leave at once.
func TestQueueIsExact(t *testing.T) {
	def := queueing(t, 1000, time.Minute, 1, 2, 3)
	def.Sticky = everySecond{}
	c := &crowd{pool: newTestPool(t, nil, def), limits: map[string]int64{"a": 1, "b": 2, "c": 3}}
	const clients, requests = 48, 400
	c.run(t, clients, requests, 5)
	c.check(t, clients*requests)
}

// Nobody is lost either while backends go and come, and limits change.
func TestQueueWhileBackendsChange(t *testing.T) {
	def := queueing(t, 1000, time.Minute, 1, 1, 1)
	def.Sticky = everySecond{}
	c := &crowd{pool: newTestPool(t, nil, def)}
	done, changed := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(changed)
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
			}
			id := string(rune('a' + i%3))
			state := []AdminState{Maintenance, Drain}[i%2]
			for _, patch := range []Patch{{AdminState: &state}, {AdminState: ptr(Ready), MaxRequests: ptr(1 + i%4)}} {
				if err := c.pool.Patch(id, patch, Options{Force: true}); err != nil {
					t.Error(err)
				}
			}
			runtime.Gosched()
		}
	}()
	const clients, requests = 32, 200
	c.run(t, clients, requests, 7)
	close(done)
	<-changed
	c.check(t, clients*requests)
}

// Whatever the number of those who come at once: they are served in the order
// in which they came.
func TestManyAreServedInOrder(t *testing.T) {
	def := queueing(t, 1000, time.Minute, 1)
	def.Sticky = tickets{}
	p := newTestPool(t, nil, def)
	var all sync.WaitGroup
	var last uint64 // of those served, by who holds the only slot
	waited := 0
	for range 32 {
		all.Go(func() {
			for range 500 {
				came := new(uint64)
				var q Request
				q.Reset(nil, new(http.Request).WithContext(context.WithValue(t.Context(), tickets{}, came)))
				m, err := p.Acquire(&q)
				if err != nil {
					if m, err = p.Wait(t.Context(), &q, time.Time{}); err != nil {
						t.Error(err)
						return
					}
					if *came <= last {
						t.Errorf("the one with ticket %d is served after %d", *came, last)
					}
					last = *came
					waited++
				}
				runtime.Gosched()
				m.Release()
			}
		})
	}
	all.Wait()
	wantQueue(t, p, 0)
	if waited < 1000 {
		t.Errorf("only %d had to wait", waited)
	}
}

// tickets are sessions that nobody has. They take note of the ticket of who
// asks.
type tickets struct{}

func (tickets) NewSessions([]*Backend, Sessions) Sessions { return tickets{} }

func (tickets) Home(q *Request) *Backend {
	if came, ok := q.HTTP.Context().Value(tickets{}).(*uint64); ok && q.ticket > 0 {
		*came = q.ticket
	}
	return nil
}
func (tickets) Begin(*Request, *Member, http.Header, bool) {}
func (tickets) Continue(http.Header)                       {}

// everySecond keeps every second client with one of the backends.
type everySecond struct{}

type seconds []*Backend

func (everySecond) NewSessions(backends []*Backend, _ Sessions) Sessions { return seconds(backends) }

func (s seconds) Home(q *Request) *Backend {
	client := q.HTTP.Header["Client"][0]
	if n := client[len(client)-1]; n%2 == 0 {
		return s[int(n/2)%len(s)]
	}
	return nil
}
func (seconds) Begin(*Request, *Member, http.Header, bool) {}
func (seconds) Continue(http.Header)                       {}

// BenchmarkAcquire gets and gives back a slot, with nobody waiting.
func BenchmarkAcquire(b *testing.B) {
	for name, size := range map[string]int{"no-queue": 0, "queue": 100} {
		for _, limit := range []int{0, 1000} {
			b.Run(fmt.Sprintf("%s/limit-%d", name, limit), func(b *testing.B) {
				p := newTestPool(b, nil, queueing(b, size, time.Second, limit, limit, limit))
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					var q Request
					for pb.Next() {
						q.Reset(nil, nil)
						m, err := p.Acquire(&q)
						if err != nil {
							b.Error(err)
							return
						}
						m.Release()
					}
				})
			})
		}
	}
}

// BenchmarkWait has ten times more requests at once than there are slots for.
func BenchmarkWait(b *testing.B) {
	for _, backends := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprint(backends), func(b *testing.B) {
			def := &Definition{Policy: rotate{}, Backends: manySpecs(b, backends), MaxRequests: 1, Queue: QueueLimits{1 << 20, time.Hour}}
			p := newTestPool(b, nil, def)
			var busy []*Member
			for range backends - 1 {
				m, err := p.Acquire(&Request{})
				must(b, err)
				busy = append(busy, m)
			}
			b.SetParallelism(10)
			b.ResetTimer()
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				var q Request
				for pb.Next() {
					q.Reset(nil, nil)
					m, err := p.Acquire(&q)
					if err != nil {
						m, err = p.Wait(b.Context(), &q, time.Time{})
					}
					if err != nil {
						b.Error(err)
						return
					}
					m.Release()
				}
			})
			for _, m := range busy {
				m.Release()
			}
		})
	}
}

// Nothing is allocated for a request that need not wait.
func TestEmptyQueueDoesNotAllocate(t *testing.T) {
	p := newTestPool(t, nil, queueing(t, 10, time.Minute, 1, 0))
	var q Request
	if n := testing.AllocsPerRun(100, func() {
		q.Reset(nil, nil)
		m, err := p.Acquire(&q)
		must(t, err)
		m.Release()
	}); n != 0 {
		t.Errorf("%.0f allocations", n)
	}
}
