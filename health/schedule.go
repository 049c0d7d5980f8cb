package health

import (
	"container/heap"
	"time"
)

const (
	// minSleep is the least time between two looks at the queue by the timer,
	// so that probes start in batches and the timer costs next to nothing.
	minSleep = 5 * time.Millisecond

	// jitter is how far the time between two probes may be off, as a part of
	// the interval.
	jitter = 0.1

	// firstRecheck is how soon a backend is probed again that has gone down.
	firstRecheck = time.Second
)

// gap returns the time from the start of one probe to the start of the next; r
// is random in [0, 1). Behind a first probe it is uniform over a whole
// interval, so that backends which came together are probed spread over it
// from then on. No gap is longer than the interval and its jitter.
func gap(interval time.Duration, first bool, r float64) time.Duration {
	if first {
		return time.Duration(float64(interval) * (jitter + r))
	}
	return time.Duration(float64(interval) * (1 - jitter + 2*jitter*r))
}

// recheck returns the time from the start of a probe that a backend which is down
// has failed to the next. Many that have failed are only being restarted, so it
// is short at first and doubles with each probe that fails, up to the interval.
// It is longer for a probe that has taken long: those that time out would have a
// large part of all that may run at once.
func recheck(interval time.Duration, failed int, took time.Duration) time.Duration {
	const most = 20 // of doublings, for nothing to overflow
	return min(max(firstRecheck<<min(failed-1, most), 2*took), interval)
}

// dispatch starts the probes that are due, as many as may run, and sets the
// timer for the next. The lock is held.
func (c *Checker) dispatch(now time.Time) {
	for c.running < c.max {
		t := c.queue.take(now)
		if t == nil {
			break
		}
		c.running++
		j := c.begin(t, now)
		c.workers.Go(func() { c.work(j) })
	}
	c.wakeUp(now)
}

// begin makes a probe of the target and decides when the next one is due. The
// lock is held.
func (c *Checker) begin(t *target, now time.Time) job {
	t.due = now.Add(max(gap(time.Duration(t.settings.Interval), t.fresh, c.rand()), minSleep))
	t.fresh = false
	return t.start()
}

// wakeUp sets the timer to when the next probe is due. It is left alone while
// as many probes run as may, because each looks at the queue when it ends. The
// lock is held.
func (c *Checker) wakeUp(now time.Time) {
	if len(c.queue) == 0 {
		if c.timer != nil {
			c.timer.Stop()
		}
		c.wakeAt = time.Time{}
		return
	}
	if c.running >= c.max {
		return
	}
	sleep := max(c.queue[0].due.Sub(now), minSleep)
	at := now.Add(sleep)
	if !c.wakeAt.IsZero() && !at.Before(c.wakeAt) {
		return
	}
	c.wakeAt = at
	if c.timer == nil {
		c.timer = time.AfterFunc(sleep, c.awake)
		return
	}
	c.timer.Reset(sleep)
}

func (c *Checker) awake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wakeAt = time.Time{}
	c.dispatch(time.Now())
}

// notQueued is the index of a target that is not in the queue.
const notQueued = -1

// queue is a heap of targets by the time when they are due.
type queue []*target

// put queues the target, or moves it to its place if it is queued.
func (q *queue) put(t *target) {
	if t.index == notQueued {
		heap.Push(q, t)
		return
	}
	heap.Fix(q, t.index)
}

func (q *queue) remove(t *target) {
	if t.index != notQueued {
		heap.Remove(q, t.index)
	}
}

// take removes and returns the target that is due next, or nil if none is due
// at time now.
func (q *queue) take(now time.Time) *target {
	if len(*q) == 0 || (*q)[0].due.After(now) {
		return nil
	}
	return heap.Pop(q).(*target)
}

// Len implements [heap.Interface].
func (q queue) Len() int { return len(q) }

// Less implements [heap.Interface].
func (q queue) Less(i, j int) bool { return q[i].due.Before(q[j].due) }

// Swap implements [heap.Interface].
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push implements [heap.Interface].
func (q *queue) Push(x any) {
	t := x.(*target)
	t.index = len(*q)
	*q = append(*q, t)
}

// Pop implements [heap.Interface].
func (q *queue) Pop() any {
	last := len(*q) - 1
	t := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	t.index = notQueued
	return t
}

var _ heap.Interface = (*queue)(nil)
