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
