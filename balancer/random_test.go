package balancer

import (
	"math"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool/pooltest"
)

func TestRandomAdaptation(t *testing.T) {
	testAdaptation(t, []adaptation{
		{input: `random`, json: `{"policy": "random"}`},
		{input: `random 2`, err: "wrong argument count"},
	})
}

// fits checks counts against weights: none may be off by more than five
// standard deviations.
func fits(t *testing.T, counts, weights []int) {
	t.Helper()
	picks, sum := 0, 0
	for i := range counts {
		picks += counts[i]
		sum += weights[i]
	}
	for i := range counts {
		share := float64(weights[i]) / float64(sum)
		want := share * float64(picks)
		if off := math.Abs(float64(counts[i]) - want); off > 5*math.Sqrt(want*(1-share))+1e-9 {
			t.Errorf("member %d got %d of %d, want about %.0f", i, counts[i], picks, want)
		}
	}
}

func TestRandomShares(t *testing.T) {
	for _, weights := range [][]int{{1}, {1, 1, 1}, {5, 1, 1}, {1000, 1}, mixedWeights(100), equalWeights(1000)} {
		members := pooltest.Members(t, weights...)
		p := Random{}.NewPicker(members, nil)
		fits(t, count(t, p, seeded(7), members, 100_000), weights)
	}
}

// TestRandomSharesAmongTheRest: with a member tried, the others get shares by
// their weights, even if the tried one has almost all of it.
func TestRandomSharesAmongTheRest(t *testing.T) {
	members := pooltest.Members(t, 5, 1000, 1)
	p := Random{}.NewPicker(members, nil)
	q := seeded(8)
	q.MarkTried(members[1].Backend)
	fits(t, count(t, p, q, members, 60_000), []int{5, 0, 1})
}

// TestRandomAmongManyFull: the few that are free get the same shares, wherever
// they are.
func TestRandomAmongManyFull(t *testing.T) {
	members := limited(t, 1009, 1)
	p := Random{}.NewPicker(members, nil)
	free := []int{0, 1, 2, 3, 700}
	fill(p, members, free...)
	weights := make([]int, len(members))
	for _, i := range free {
		weights[i] = 1
	}
	fits(t, count(t, p, seeded(9), members, 5000), weights)
}

func BenchmarkRandom(b *testing.B) { benchmarkPolicy(b, `{"policy": "random"}`) }
