package balancer

import (
	"slices"
	"strings"
	"testing"
)

func TestWeightedRoundRobinAdaptation(t *testing.T) {
	testAdaptation(t, []adaptation{
		{input: `weighted_round_robin`, json: `{"policy": "weighted_round_robin"}`},
		{input: `weighted_round_robin 10 1`, json: `{"policy": "weighted_round_robin", "weights": [10, 1]}`},
		{input: `weighted_round_robin 0 1000`, json: `{"policy": "weighted_round_robin", "weights": [0, 1000]}`},
		{input: `weighted_round_robin 1 x`, err: `weight "x" is not a number`},
		{input: `weighted_round_robin 1.5`, err: `weight "1.5" is not a number`},
		{input: `weighted_round_robin -1`, err: `weight -1 is not within 0 to 1000`},
		{input: `weighted_round_robin 1001`, err: `weight 1001 is not within 0 to 1000`},
		{input: "weighted_round_robin 1 {\n x\n}", err: `unrecognized option "x"`},
	})
}

func TestWeightedRoundRobinValidation(t *testing.T) {
	for config, want := range map[string]string{
		`{"policy": "weighted_round_robin", "weights": [1, -1]}`:   "weights[1]: weight -1 is not within 0 to 1000",
		`{"policy": "weighted_round_robin", "weights": [1001]}`:    "weights[0]: weight 1001 is not within 0 to 1000",
		`{"policy": "weighted_round_robin", "weights": [0, 0, 0]}`: "needs a backend with a positive weight",
	} {
		if _, err := tryPolicy(t, config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", config, err, want)
		}
	}
	policy := newPolicy(t, `{"policy": "weighted_round_robin", "weights": [3, 0, 1]}`)
	if got := policy.(Weigher).BackendWeights(); !slices.Equal(got, []int{3, 0, 1}) {
		t.Errorf("weights %v", got)
	}
}

func BenchmarkWeightedRoundRobin(b *testing.B) {
	benchmarkPolicy(b, `{"policy": "weighted_round_robin"}`)
}
