package metrics

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// Register has the registry show the metrics of what src knows. It may be called
// more than once with the same registry.
//
// Caddy makes a registry for every config. All of them show the same: pools and
// what they have counted outlive configs. So it does no harm that Caddy serves
// the registry of a config that could not start until there is another.
func Register(registry prometheus.Registerer, src Source) error {
	err := registry.Register(&collector{src})
	if errors.As(err, new(prometheus.AlreadyRegisteredError)) {
		return nil
	}
	return err
}

// collector makes series of the state of pools whenever it is asked. It keeps
// nothing, so there are none of what is there no more.
type collector struct{ src Source }

// Describe implements prometheus.Collector.
func (*collector) Describe(ch chan<- *prometheus.Desc) {
	for _, f := range families {
		ch <- f.desc
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	for p := range c.src.PoolMetrics() {
		out := output{ch: ch, pool: label("pool", p.Name)}
		out.collectPool(p)
		for b := range p.Each {
			out.collectBackend(b, p.Backends <= MaxDetailed)
		}
	}
}

func (o *output) collectPool(p *Pool) {
	own := labels{o.pool}
	o.gauge(poolBackends, own, float64(p.Backends))
	o.gauge(poolAccepting, own, float64(p.Accepting))
	o.gauge(poolRevision, own, float64(p.Revision))
	o.counter(retriesTotal, own, p.Retries)
	o.counter(retriesRefused, own, p.RetriesRefused)
	for i := range p.Refusals {
		o.counter(selectionFails, labels{o.pool, refusalPairs[i]}, p.Refusals[i].Load())
	}
	q := &p.Queue
	o.gauge(queueLength, own, float64(q.Length))
	o.gauge(queueSize, own, float64(q.Size))
	for i, n := range [...]uint64{q.Served, q.TimedOut, q.Left, q.Refused} {
		o.counter(queueRequests, labels{o.pool, queuePairs[i]}, n)
	}
	o.histogram(queueWait, own, q.Wait)
	if p.Storage != nil {
		o.collectStorage(p.Storage)
	}
	if p.Times != nil {
		all := labels{label("backend", ""), o.pool}
		head, duration := p.Times.head(), p.Times.duration()
		o.send(firstByte, all, &head)
		o.send(requestDuration, all, &duration)
	}
}

func (o *output) collectStorage(s *Storage) {
	own := labels{o.pool}
	o.gauge(storageUp, own, truth(s.Up))
	o.gauge(instances, own, float64(s.Instances))
	o.gauge(instancesSame, own, float64(s.Current))
	if !s.LastSync.IsZero() {
		o.gauge(storageSync, own, float64(s.LastSync.UnixMilli())/1e3)
	}
}

// collectBackend makes the series of a backend. Those which would tell that
// something was never seen are left out unless detailed ones are wanted.
func (o *output) collectBackend(b *Backend, detailed bool) {
	id := label("backend", b.ID)
	own := labels{id, o.pool}
	for i := range b.Classes {
		if n := b.Classes[i].Load(); n > 0 || detailed {
			o.counter(requestsTotal, labels{id, codePairs[i], o.pool}, n)
		}
	}
	for i := range b.Probes {
		if n := b.Probes[i].Load(); n > 0 || detailed {
			o.counter(probesTotal, labels{id, o.pool, probePairs[i]}, n)
		}
	}
	if b.Times != nil {
		o.histogram(firstByte, own, &b.Times.Head)
		o.histogram(requestDuration, own, &b.Times.Duration)
	}
	o.gauge(inFlight, own, float64(b.InFlight))
	o.gauge(tunnels, own, float64(b.Tunnels))
	o.counter(failuresTotal, own, b.Failures)
	o.counter(ejectionsTotal, own, b.Ejections)
	o.counter(changesTotal, own, b.StateChanges)
	o.gauge(backendUp, own, truth(b.Up))
	o.gauge(backendAccepts, own, truth(b.Accepting))
	o.gauge(backendState, labels{id, o.pool, label("state", b.State)}, 1)
	o.gauge(backendAdmin, labels{id, o.pool, label("state", b.AdminState)}, 1)
	o.gauge(backendWeight, own, float64(b.Weight))
	o.gauge(backendShare, own, b.EffectiveWeight)
	if b.MaxRequests > 0 {
		o.gauge(backendMost, own, float64(b.MaxRequests))
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

var _ prometheus.Collector = (*collector)(nil)
