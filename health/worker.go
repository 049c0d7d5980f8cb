package health

import (
	"errors"
	"runtime/debug"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-loadbalance/caddy-loadbalance/metrics"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
	"github.com/caddy-loadbalance/caddy-loadbalance/shortage"
)

// result is what one probe has found.
type result struct {
	check pool.Check
	err   error // why it failed; for the log only
	void  bool  // says nothing about the backend
}

// counted returns the result as metrics have it.
func (r *result) counted() metrics.Probe {
	switch {
	case r.void:
		return metrics.Void
	case r.check.OK:
		return metrics.Passed
	}
	return metrics.NotPassed
}

// errPanicked is the error of a probe that panicked.
var errPanicked = errors.New("probe panicked")

// work probes the job's target, and then others as long as any are due.
func (c *Checker) work(j job) {
	for more := true; more; {
		r := c.probe(&j)
		c.report(&j, r)
		j, more = c.finish(&j, &r)
	}
}

// probe runs the job. What a probe that panics has found says nothing.
func (c *Checker) probe(j *job) (r result) {
	start := time.Now()
	defer j.cancel()
	defer func() {
		if p := recover(); p != nil {
			r = result{err: errPanicked, void: true, check: pool.Check{Text: "internal error"}}
			c.logger.Load().Error("health check panicked",
				zap.String("pool", j.target.pool.Name()), zap.String("backend", j.target.backend.ID()),
				zap.Any("panic", p), zap.ByteString("stack", debug.Stack()))
		}
		r.check.At, r.check.Duration = start, time.Since(start)
	}()
	if j.prober == nil {
		j.prober = newProber(j.target.backend.Address(), j.settings, j.connector)
	}
	seen, err := j.prober.probe(j.ctx)
	if err == nil {
		return result{check: pool.Check{OK: true, Text: seen}}
	}
	if what := shortage.Of(err); what != "" {
		shortage.Report(c.logger.Load(), what, err)
	}
	return result{
		check: pool.Check{Text: describe(err, time.Duration(j.settings.Timeout))},
		err:   err, void: isLocal(err),
	}
}

// report tells everybody what the probe has found, unless it was cancelled.
// The checker's lock is free while others are called; the target is still
// marked as running, so that what is told of it is told in order.
func (c *Checker) report(j *job, r result) {
	t := j.target
	c.mu.Lock()
	if t.discard {
		c.mu.Unlock()
		return
	}
	tell, health, reason := t.judge(r)
	c.mu.Unlock()

	t.backend.RecordCheck(r.check)
	t.backend.CountProbe(r.counted())
	if tell {
		t.pool.SetHealth(t.backend, health, reason)
	}
	if r.check.OK && meansSomething(j.settings) {
		t.pool.ProbePassed(t.backend, r.check.At)
	}
	if c.onProbe != nil {
		c.onProbe(t.pool.Name(), t.backend, r.check)
	}
	if entry := c.logger.Load().Check(zap.DebugLevel, "health check"); entry != nil {
		entry.Write(
			zap.String("pool", t.pool.Name()), zap.String("backend", t.backend.ID()),
			zap.String("address", t.backend.AddressText()), zap.Bool("passed", r.check.OK),
			zap.String("seen", r.check.Text), zap.Duration("duration", r.check.Duration), zap.Error(r.err))
	}
}

// finish puts the job's target back in the queue and returns the next job, if
// one is due.
func (c *Checker) finish(j *job, r *result) (job, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := j.target
	t.hasten(r, c.rand())
	t.running, t.cancel = false, nil
	if t.watch == j.watch {
		t.prober = j.prober
	}
	if t.gone {
		c.forget(t)
	} else {
		c.queue.put(t)
	}
	now := time.Now()
	if next := c.queue.take(now); next != nil {
		return c.begin(next, now), true
	}
	c.running--
	c.wakeUp(now)
	return job{}, false
}
