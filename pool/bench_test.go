package pool

import (
	"fmt"
	"testing"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

func (p *Pool) publishNow() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.publish(time.Now())
}

func benchmarkPool(b *testing.B, n int) *Pool {
	return newTestPool(b, &watcher{}, &Definition{Backends: manySpecs(b, n), Policy: rotate{}, Transports: fakeTransports{}})
}

// BenchmarkRebuild makes a snapshot, after nothing, one and all backends have
// changed their health.
func BenchmarkRebuild(b *testing.B) {
	for _, n := range []int{3, 100, 10_000} {
		p := benchmarkPool(b, n)
		for _, flips := range []int{0, 1, n} {
			b.Run(fmt.Sprint(n, "/flips-", flips), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					health := Down
					if p.live[0].cond.health == Down {
						health = Up
					}
					for _, m := range p.Snapshot().Members[:flips] {
						p.SetHealth(m.Backend, health, "")
					}
					p.publishNow()
				}
			})
		}
	}
}

// BenchmarkMutate makes changes as the admin API does.
func BenchmarkMutate(b *testing.B) {
	const n = 10_000
	list := manySpecs(b, 2*n)
	for name, start := range map[string]func(b *testing.B) *Pool{
		"config": func(b *testing.B) *Pool { return benchmarkPool(b, n) },
		"runtime": func(b *testing.B) *Pool {
			p := benchmarkPool(b, 1)
			must(b, p.Replace(list[:n], Options{}))
			return p
		},
	} {
		b.Run(name+"/patch", func(b *testing.B) {
			p, weight := start(b), 1
			b.ReportAllocs()
			for b.Loop() {
				weight = weight%config.MaxWeight + 1
				must(b, p.Patch(list[n/2].ID, Patch{Weight: &weight}, Options{}))
			}
		})
		b.Run(name+"/add", func(b *testing.B) {
			p, i := start(b), n
			b.ReportAllocs()
			for b.Loop() {
				_, err := p.Add(list[i%n+n], Options{})
				must(b, err)
				b.StopTimer()
				must(b, p.Remove(list[i%n+n].ID, Options{}))
				i++
				b.StartTimer()
			}
		})
		b.Run(name+"/remove", func(b *testing.B) {
			p := start(b)
			b.ReportAllocs()
			for b.Loop() {
				must(b, p.Remove(list[n/2].ID, Options{}))
				b.StopTimer()
				_, err := p.Add(list[n/2], Options{})
				must(b, err)
				b.StartTimer()
			}
		})
		b.Run(name+"/replace-same", func(b *testing.B) {
			p := start(b)
			b.ReportAllocs()
			for b.Loop() {
				must(b, p.Replace(list[:n], Options{}))
			}
		})
		b.Run(name+"/replace-all", func(b *testing.B) {
			p, first := start(b), 0
			b.ReportAllocs()
			for b.Loop() {
				first = n - first
				must(b, p.Replace(list[first:first+n], Options{Force: true}))
			}
		})
	}
}

// BenchmarkStoredMutate makes changes of a pool of 1,000 backends, all of which
// were added at runtime, that are stored in memory; by one instance, and by two
// in turn, each of which reads what the other one has stored.
func BenchmarkStoredMutate(b *testing.B) {
	const n = 1000
	list := manySpecs(b, n+1)
	for _, instances := range []int{1, 2} {
		b.Run(fmt.Sprint("instances-", instances), func(b *testing.B) {
			st := &memStore{}
			pools := make([]*Pool, instances)
			for i := range pools {
				pools[i] = newStoredPool(b, st, "a:1")
			}
			must(b, pools[0].Replace(list[:n], Options{Force: true}))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				p := pools[i%instances]
				if _, err := p.Add(list[n], Options{}); err != nil {
					b.Fatal(err)
				}
				must(b, pools[(i+1)%instances].Remove(list[n].ID, Options{}))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/2, "ns/change")
		})
	}
}

// BenchmarkDocument reads a document of 10,000 backends, all of which were added
// at runtime: none of them known, and all.
func BenchmarkDocument(b *testing.B) {
	var c changes
	list := manySpecs(b, 10_000)
	for i := range list {
		c.put(&change{id: list[i].ID, added: &list[i]})
	}
	data, err := encodeDocument(header{Pool: "test", Lineage: "abc", Number: 1}, &c)
	must(b, err)
	for name, known := range map[string][]*change{"unknown": nil, "known": c.list} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := decodeDocument("test", data, known); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
