package pool

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/metrics"
)

// tally counts what happens to a backend now and then, for metrics.
type tally struct {
	ejections atomic.Uint64
	changes   atomic.Uint64 // of state
	probes    metrics.Probes
}

// timesOf returns where times of the backend's responses are counted. The pool's
// mutex is held.
func (p *Pool) timesOf(b *Backend, number int) *metrics.Times {
	if len(p.specs) > metrics.MaxDetailed {
		if p.times.Load() == nil {
			p.times.Store(new(metrics.SharedTimes))
		}
		return p.times.Load().Of(number)
	}
	if b.times == nil {
		b.times = new(metrics.Times)
	}
	return b.times
}

// count counts an attempt that ended.
func (m *Member) count(o *Outcome) {
	switch {
	case o.Late: // was counted when its response began
	case o.Verdict == Answered:
		m.classes.Count(metrics.ClassOf(o.Status))
		m.times.Head.Observe(o.Latency - o.ClientTime)
	case o.Verdict == Failed:
		m.classes.Count(metrics.Failed)
	case o.Verdict == LocalFault:
		m.classes.Count(metrics.LocalFault)
	default:
		m.classes.Count(metrics.ClientFault)
	}
}

// ObserveDuration records how long an answered attempt took from its beginning
// to the end of its response.
func (m *Member) ObserveDuration(d time.Duration) { m.times.Duration.Observe(d) }

// CountProbe counts an active health check.
func (b *Backend) CountProbe(result metrics.Probe) { b.tally.probes.Count(result) }

// CountRefusal counts a request that got no backend, whose error err is, whether
// it has waited or not. One whose client has left was not refused.
func (p *Pool) CountRefusal(err error) {
	switch {
	case errors.Is(err, ErrQueueFull):
		p.refusals.Count(metrics.QueueFull)
	case errors.Is(err, ErrAllFull):
		p.refusals.Count(metrics.AllFull)
	case errors.Is(err, ErrNoBackend), errors.Is(err, ErrClosed):
		p.refusals.Count(metrics.NoneAccepting)
	}
}
