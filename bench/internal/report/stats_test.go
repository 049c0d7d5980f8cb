package report

import (
	"maps"
	"math"
	"testing"
)

func TestMedian(t *testing.T) {
	tests := []struct {
		values []float64
		want   float64
	}{
		{nil, 0},
		{[]float64{3}, 3},
		{[]float64{9, 1, 5}, 5},
		{[]float64{9, 1, 5, 2}, 3.5},
		{[]float64{1, 1, 1000}, 1},
	}
	for _, test := range tests {
		before := append([]float64(nil), test.values...)
		if got := median(test.values); got != test.want {
			t.Errorf("%v: got %v, want %v", test.values, got, test.want)
		}
		for i := range before {
			if test.values[i] != before[i] {
				t.Errorf("%v became %v", before, test.values)
			}
		}
	}
}

func TestMediansAndSpreads(t *testing.T) {
	samples := []Sample{{CPU: 10, Errors: 0}, {CPU: 14, Errors: 0}, {CPU: 11, Errors: 0, P99: 7}}
	if got, want := medians(samples), (Sample{CPU: 11, Errors: 0, P99: 7}); !maps.Equal(got, want) {
		t.Errorf("medians: got %v, want %v", got, want)
	}
	got := spreads(samples)
	if math.Abs(got[CPU]-4.0/11) > 1e-9 || got[Errors] != 0 || got[P99] != 0 {
		t.Errorf("spreads: got %v, want 4/11 for the CPU, 0 for the others", got)
	}
}

// TestRatios has rounds in which the machine is slower for both: the ratio
// does not suffer from that, as that of the medians would.
func TestRatios(t *testing.T) {
	a := []Sample{{CPU: 10, P99: 1}, {CPU: 40, P99: 1}, {CPU: 11, P99: 1}, {CPU: 12}}
	b := []Sample{{CPU: 20, P99: 0}, {CPU: 80, P99: 0}, {CPU: 10, Throughput: 5}}
	if got, want := ratios(a, b), (Sample{CPU: 0.5}); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := ratios(nil, b); len(got) != 0 {
		t.Errorf("of none: got %v", got)
	}
}
