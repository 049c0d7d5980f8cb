package balancer

import (
	"strings"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool/pooltest"
)

func TestRandomChooseAdaptation(t *testing.T) {
	testAdaptation(t, []adaptation{
		{input: `random_choose 2`, json: `{"policy": "random_choose", "choose": 2}`},
		{input: `random_choose 5`, json: `{"policy": "random_choose", "choose": 5}`},
		{input: `random_choose`, err: "wrong argument count"},
		{input: `random_choose 2 3`, err: "wrong argument count"},
		{input: `random_choose two`, err: `choose "two" is not a number`},
		{input: `random_choose 1`, err: "choose 1: must be at least 2"},
		{input: `random_choose -2`, err: "choose -2: must be at least 2"},
	})
	if _, err := tryPolicy(t, `{"policy": "random_choose", "choose": 1}`); err == nil || !strings.Contains(err.Error(), "at least 2") {
		t.Error(err)
	}
	if p := newPolicy(t, `{"policy": "random_choose"}`).(*RandomChoose); p.Choose != 2 {
		t.Errorf("the default is %d", p.Choose)
	}
}

// TestRandomChooseOfAll: when all members are drawn, the one with the least
// load is picked, by weight.
func TestRandomChooseOfAll(t *testing.T) {
	tests := map[string]struct {
		weights, loads []int
		want           int
	}{
		"least":          {[]int{1, 1, 1}, []int{3, 1, 2}, 1},
		"by weight":      {[]int{1, 10, 1}, []int{2, 19, 3}, 1},
		"by weight, not": {[]int{1, 10, 1}, []int{2, 21, 3}, 0},
		"idle":           {[]int{1, 1000, 1000}, []int{0, 1, 1}, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			members := pooltest.Members(t, test.weights...)
			for i, m := range members {
				hold(m, test.loads[i])
			}
			p := newPolicy(t, `{"policy": "random_choose", "choose": 3}`).NewPicker(members, nil)
			for seed := range uint64(20) {
				m := p.Pick(seeded(seed))
				if m.Index != test.want {
					t.Fatalf("got %d, want %d", m.Index, test.want)
				}
				m.Release()
			}
		})
	}
}

// hold puts requests in flight.
func hold(m *pool.Member, n int) {
	var q pool.Request
	for range n {
		q.Take(m)
	}
}

// TestRandomChooseSharesWhenIdle: loads that are all zero leave the choice to
// the draw.
func TestRandomChooseSharesWhenIdle(t *testing.T) {
	weights := []int{5, 1, 3, 1}
	members := pooltest.Members(t, weights...)
	p := newPolicy(t, `{"policy": "random_choose"}`).NewPicker(members, nil)
	fits(t, count(t, p, seeded(1), members, 50_000), weights)
}

// TestRandomChooseAvoidsTheMostLoaded: of two different ones it never picks
// the one that all others are better than.
func TestRandomChooseAvoidsTheMostLoaded(t *testing.T) {
	members := pooltest.Members(t, equalWeights(50)...)
	for i, m := range members {
		hold(m, i)
	}
	p := newPolicy(t, `{"policy": "random_choose"}`).NewPicker(members, nil)
	got := count(t, p, seeded(1), members, 20_000)
	if got[49] != 0 {
		t.Error("the most loaded was picked: two draws gave the same member")
	}
	if got[0] < 600 { // 2 of 50 draws
		t.Errorf("the least loaded was picked only %d times of 20000", got[0])
	}
}

func BenchmarkRandomChoose(b *testing.B) { benchmarkPolicy(b, `{"policy": "random_choose"}`) }
