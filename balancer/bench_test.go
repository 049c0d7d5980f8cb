package balancer

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool/pooltest"
)

// benchmarkPolicy measures picks of a policy, by one goroutine and by all
// processors at once, and what it costs to make a picker: from nothing, after
// nothing that matters has changed, and after a member has left.
func benchmarkPolicy(b *testing.B, config string) {
	policy := newPolicy(b, config)
	for _, n := range sizes {
		for kind, weights := range map[string][]int{"": equalWeights(n), "-weighted": mixedWeights(n)} {
			name := fmt.Sprint(n, kind)
			members := pooltest.Members(b, weights...)
			p := policy.NewPicker(members, nil)
			benchmarkPicker(b, name, p)
			benchmarkHeld(b, name+"/held", p)
			benchmarkRebuild(b, name+"/build", policy, members, nil)
			benchmarkRebuild(b, name+"/rebuild", policy, members, p)
			benchmarkRebuild(b, name+"/one-left", policy, without(members, n/2), p)
		}
	}
}

// without returns the members without one of them, as another snapshot has
// them.
func without(members []*pool.Member, left int) []*pool.Member {
	rest := make([]*pool.Member, 0, len(members))
	for i, m := range members {
		if i != left {
			copied := *m
			copied.Index = len(rest)
			rest = append(rest, &copied)
		}
	}
	return rest
}

func benchmarkRebuild(b *testing.B, name string, policy Policy, members []*pool.Member, prev pool.Picker) {
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			policy.NewPicker(members, prev)
		}
	})
}

func benchmarkPicker(b *testing.B, name string, p pool.Picker) {
	b.Run(name, func(b *testing.B) {
		c := newClients(1)
		b.ReportAllocs()
		for b.Loop() {
			release(p, p.Pick(c.next()))
		}
	})
	b.Run(name+"/parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			c := newClients(2)
			for pb.Next() {
				release(p, p.Pick(c.next()))
			}
		})
	})
}

// benchmarkHeld measures picks while as many requests as there are members, up
// to a thousand for each processor, are in flight: each pick follows the end of
// an earlier request to another member.
func benchmarkHeld(b *testing.B, name string, p pool.Picker) {
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			c := newClients(3)
			var held [1000]*pool.Member
			for i := range held {
				held[i] = p.Pick(c.next())
			}
			for i := 0; pb.Next(); i++ {
				slot := &held[c.q.Uint64()%uint64(len(held))]
				release(p, *slot)
				*slot = p.Pick(c.next())
			}
			for _, m := range held {
				release(p, m)
			}
		})
	})
}

// clients are requests that differ in what policies look at, over and over.
type clients struct {
	q        *pool.Request
	requests [512]*http.Request
	count    int
}

func newClients(seed uint64) *clients {
	c := &clients{q: seeded(seed)}
	for i := range c.requests {
		r := get(fmt.Sprintf("/%d/%d?key=%d-%d", i, seed, seed, i), "X-Key", fmt.Sprint(i, seed))
		r.RemoteAddr = fmt.Sprintf("192.%d.%d.%d:%d", seed, i>>8, i&0xff, 1024+i)
		c.requests[i] = r
	}
	return c
}

// next returns the next request, with nothing tried and no cookie set.
func (c *clients) next() *pool.Request {
	c.q.HTTP = c.requests[c.count%len(c.requests)]
	c.count++
	return c.q
}

// BenchmarkChangeInPool changes the weight of one backend of many in a pool: all
// that the admin API has a pool do for it, with the policy's share in it.
func BenchmarkChangeInPool(b *testing.B) {
	const n = 10_000
	for name, config := range everyPolicy {
		for kind, weights := range map[string][]int{"equal": equalWeights(n), "weighted": mixedWeights(n)} {
			b.Run(name+"/"+kind, func(b *testing.B) {
				p := seededPool(b, newPolicy(b, config))
				p.Commit("config", &pool.Definition{Backends: specsOf(b, weights), Policy: newPolicy(b, config)})
				weight := 0
				b.ReportAllocs()
				for b.Loop() {
					weight = weight%1000 + 1
					if err := p.Patch("b5000", pool.Patch{Weight: &weight}, pool.Options{}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
