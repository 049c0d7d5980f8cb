package metrics

import (
	"sync/atomic"
	"time"

	dto "github.com/prometheus/client_model/go"
)

// bounds are the upper bounds of the buckets of all histograms. Each is about
// three times of the one before, so a quantile is known as well for responses
// from memory as for those that take half a minute, and ten buckets do.
var bounds = [...]time.Duration{
	time.Millisecond, 3 * time.Millisecond, 10 * time.Millisecond, 30 * time.Millisecond, 100 * time.Millisecond,
	300 * time.Millisecond, time.Second, 3 * time.Second, 10 * time.Second, 30 * time.Second,
}

// Histogram counts durations in buckets. It is not cumulative until it is read.
type Histogram struct {
	buckets [len(bounds) + 1]atomic.Uint64 // the last is of what is longer
	sum     atomic.Uint64                  // µs; as ns it would not last
}

// Observe counts one duration.
func (h *Histogram) Observe(d time.Duration) {
	i := 0
	for i < len(bounds) && d > bounds[i] {
		i++
	}
	h.buckets[i].Add(1)
	h.sum.Add(uint64((max(d, 0) + time.Microsecond/2) / time.Microsecond))
}

// Count returns how many durations were counted.
func (h *Histogram) Count() (n uint64) {
	for i := range h.buckets {
		n += h.buckets[i].Load()
	}
	return n
}

// Sum returns all durations together.
func (h *Histogram) Sum() time.Duration { return time.Duration(h.sum.Load()) * time.Microsecond }

// reading is what a histogram, or several together, have counted.
type reading struct {
	buckets [len(bounds) + 1]uint64
	sum     uint64
}

// add adds what h has counted.
func (r *reading) add(h *Histogram) {
	r.sum += h.sum.Load()
	for i := range h.buckets {
		r.buckets[i] += h.buckets[i].Load()
	}
}

// uppers are the bounds in seconds.
var uppers = func() (s [len(bounds)]float64) {
	for i, b := range bounds {
		s[i] = b.Seconds()
	}
	return s
}()

// histogram returns the reading as Prometheus has it: cumulative, in seconds.
// The number of observations is that of the buckets, so that they agree.
func (r *reading) histogram() *dto.Histogram {
	block := new(struct { // one allocation for all
		buckets [len(bounds)]dto.Bucket
		list    [len(bounds)]*dto.Bucket
		counts  [len(bounds)]uint64
		count   uint64
		sum     float64
		h       dto.Histogram
	})
	for i := range bounds {
		block.count += r.buckets[i]
		block.counts[i] = block.count
		b := &block.buckets[i]
		b.UpperBound, b.CumulativeCount = &uppers[i], &block.counts[i]
		block.list[i] = b
	}
	block.count += r.buckets[len(bounds)]
	block.sum = float64(r.sum) / 1e6
	block.h.SampleCount, block.h.SampleSum, block.h.Bucket = &block.count, &block.sum, block.list[:]
	return &block.h
}
