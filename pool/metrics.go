package pool

import (
	"iter"

	"github.com/caddy-loadbalance/caddy-loadbalance/metrics"
)

// PoolMetrics implements [metrics.Source]: it yields all pools that a running
// config claims. It reads what requests read, and keeps nobody waiting.
func (r *Registry) PoolMetrics() iter.Seq[*metrics.Pool] {
	return func(yield func(*metrics.Pool) bool) {
		for _, p := range r.Pools() {
			if !yield(p.Metrics()) {
				return
			}
		}
	}
}

// Metrics returns what Prometheus is told of the pool.
func (p *Pool) Metrics() *metrics.Pool {
	snap := p.snap.Load()
	v := &metrics.Pool{
		Name: p.name, Revision: snap.Revision, Backends: len(snap.Members),
		Retries: p.budget.made.Load(), RetriesRefused: p.budget.refused.Load(),
		Refusals: &p.refusals, Queue: p.queue.metrics(), Times: p.times.Load(),
		Storage: p.storageMetrics(), Each: snap.metrics,
	}
	for _, m := range snap.Members {
		if m.Accepting {
			v.Accepting++
		}
	}
	return v
}

func (p *Pool) storageMetrics() *metrics.Storage {
	v, stored := p.StoreView()
	if !stored {
		return nil
	}
	s := &metrics.Storage{Up: v.Err == nil, LastSync: v.LastSync, Instances: len(v.Instances)}
	for i := range v.Instances {
		if v.Instances[i].Current {
			s.Current++
		}
	}
	return s
}

func (s *waitQueue) metrics() metrics.Queue {
	s.mu.Lock()
	defer s.mu.Unlock()
	return metrics.Queue{
		Length: s.total.Load(), Size: s.size.Load(), Served: s.stats.served, TimedOut: s.stats.timedOut,
		Left: s.stats.left, Refused: s.refused.Load(), Wait: &s.stats.waits,
	}
}

// metrics yields all backends.
func (s *Snapshot) metrics(yield func(*metrics.Backend) bool) {
	var v metrics.Backend
	for _, m := range s.Members {
		v = m.metrics()
		if len(s.Members) > metrics.MaxDetailed {
			v.Times = nil
		}
		if !yield(&v) {
			return
		}
	}
}

func (m *Member) metrics() metrics.Backend {
	weight := max(m.Spec.Weight, 1)
	return metrics.Backend{
		ID: m.id, State: string(m.state), AdminState: string(m.Spec.AdminState), Up: m.up, Accepting: m.Accepting,
		Weight: weight, EffectiveWeight: float64(weight) * float64(m.warmth) / float64(m.warmest),
		MaxRequests: m.limit, InFlight: m.InFlight(), Tunnels: m.Tunnels(),
		Failures: m.failures.Load(), Ejections: m.tally.ejections.Load(), StateChanges: m.tally.changes.Load(),
		Classes: &m.classes, Probes: &m.tally.probes, Times: m.times,
	}
}

var _ metrics.Source = (*Registry)(nil)
