package metrics

import (
	"reflect"
	"sync"
	"testing"
	"time"
)

func TestClassOf(t *testing.T) {
	for status, want := range map[int]string{
		0: "1xx", 100: "1xx", 101: "1xx", 200: "2xx", 204: "2xx", 299: "2xx", 302: "3xx", 404: "4xx", 499: "4xx",
		500: "5xx", 503: "5xx", 599: "5xx", 600: "5xx", 999: "5xx",
	} {
		if got := ClassOf(status).String(); got != want {
			t.Errorf("%d: %s", status, got)
		}
	}
}

func TestHistogram(t *testing.T) {
	var h Histogram
	for _, d := range []time.Duration{
		-time.Second, 0, time.Millisecond, time.Millisecond + 1, 30 * time.Second, 31 * time.Second, 1000 * time.Hour,
	} {
		h.Observe(d)
	}
	var r reading
	r.add(&h)
	got := r.histogram()
	if n := got.GetSampleCount(); n != 7 {
		t.Errorf("%d observations", n)
	}
	if s, want := got.GetSampleSum(), 0.001+0.001+30+31+3600000.0; s != want {
		t.Errorf("sum %v, want %v", s, want)
	}
	if b := got.GetBucket(); len(b) != len(bounds) || b[0].GetCumulativeCount() != 3 || b[1].GetCumulativeCount() != 4 || b[9].GetCumulativeCount() != 5 {
		t.Errorf("buckets %v", b)
	}
}

// A year of connections that last for days is no more than the sum can hold.
func TestSumLasts(t *testing.T) {
	var h Histogram
	for range 365 {
		h.Observe(10_000 * 24 * time.Hour)
	}
	var r reading
	r.add(&h)
	if got, want := r.histogram().GetSampleSum(), 365*10_000*86400.0; got != want {
		t.Errorf("sum %v, want %v", got, want)
	}
}

func TestConcurrent(t *testing.T) {
	var shared SharedTimes
	var classes Classes
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 1000 {
				shared.Of(w * i).Head.Observe(time.Duration(i) * time.Millisecond)
				classes.Count(Success)
			}
		})
	}
	wg.Wait()
	head := shared.head()
	if n := head.histogram().GetSampleCount(); n != 8000 || classes[Success].Load() != 8000 {
		t.Errorf("%d and %d", n, classes[Success].Load())
	}
}

// Times of two backends are never in the same cache lines: the allocator puts
// what has this size at multiples of it.
func TestCacheLines(t *testing.T) {
	if size := reflect.TypeFor[Times]().Size(); size != 256 {
		t.Errorf("%d bytes", size)
	}
}

func TestCountingDoesNotAllocate(t *testing.T) {
	var times Times
	var classes Classes
	if n := testing.AllocsPerRun(100, func() {
		classes.Count(ClassOf(200))
		times.Head.Observe(2 * time.Millisecond)
		times.Duration.Observe(3 * time.Millisecond)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkCount is all that a request costs.
func BenchmarkCount(b *testing.B) {
	var times Times
	var classes Classes
	for b.Loop() {
		classes.Count(ClassOf(200))
		times.Head.Observe(200 * time.Microsecond)
		times.Duration.Observe(2 * time.Millisecond)
	}
}
