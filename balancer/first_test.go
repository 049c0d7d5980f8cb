package balancer

import (
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

func TestFirst(t *testing.T) {
	testAdaptation(t, []adaptation{
		{input: `first`, json: `{"policy": "first"}`},
		{input: `first 1`, err: "wrong argument count"},
	})
	members := limited(t, 4, 2)
	p := First{}.NewPicker(members, nil)
	var got []int
	var q pool.Request
	for range 9 {
		got = append(got, index(p.Pick(&q)))
	}
	for i, want := range []int{0, 0, 1, 1, 2, 2, 3, 3, -1} {
		if got[i] != want {
			t.Fatalf("got %v", got)
		}
	}
	members[1].Release()
	if i := index(p.Pick(&q)); i != 1 {
		t.Errorf("got %d after 1 was freed", i)
	}
}

func BenchmarkFirst(b *testing.B) { benchmarkPolicy(b, `{"policy": "first"}`) }
