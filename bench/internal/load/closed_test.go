package load

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestClosedLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// the clients sleep in the bubble's time
		fast := func(context.Context) error { time.Sleep(10 * time.Millisecond); return nil }
		slow := func(context.Context) error { time.Sleep(50 * time.Millisecond); return nil }
		broken := func(context.Context) error { return errors.New("connection lost") }

		got := closedLoop(t.Context(), []client{fast, fast, fast, slow, broken}, time.Second)
		want := Result{
			Requests: 320, // 3 × 100 and 20
			Errors:   1,
			Elapsed:  time.Second,
			Latency:  Latency{P50: 10 * time.Millisecond, P99: 50 * time.Millisecond, P999: 50 * time.Millisecond},
		}
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}

func TestQuantile(t *testing.T) {
	sorted := make([]time.Duration, 2000)
	for i := range sorted {
		sorted[i] = time.Duration(i + 1)
	}
	for perMille, want := range map[int]time.Duration{0: 1, 500: 1000, 990: 1980, 999: 1998, 1000: 2000} {
		if got := quantile(sorted, perMille); got != want {
			t.Errorf("%d per mille: got %d, want %d", perMille, got, want)
		}
	}
	if got := quantile(sorted[:1], 999); got != 1 {
		t.Errorf("of one: got %d, want it", got)
	}
	if got := quantile(nil, 999); got != 0 {
		t.Errorf("of none: got %d, want 0", got)
	}
}
