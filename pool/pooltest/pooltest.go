// Package pooltest helps to test what works on pools.
package pooltest

import (
	"fmt"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// New returns a pool that nobody watches, and that ends with the test.
func New(t testing.TB) *pool.Pool {
	t.Helper()
	registry := pool.NewRegistry(nil)
	p, err := registry.Acquire("test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := registry.Release("test"); err != nil {
			t.Error(err)
		}
	})
	return p
}

// Members returns accepting members of a pool of its own, with these weights,
// addresses 10.x.y.z:80 and ids b0, b1, …
func Members(t testing.TB, weights ...int) []*pool.Member {
	t.Helper()
	specs := make([]pool.Spec, len(weights))
	for i, w := range weights {
		specs[i] = Spec(t, i, w)
	}
	return MembersOf(t, specs...)
}

// Spec returns the spec of the i-th backend that Members makes.
func Spec(t testing.TB, i, weight int) pool.Spec {
	t.Helper()
	spec, err := pool.NewSpec(config.Backend{
		ID:      fmt.Sprintf("b%d", i),
		Address: fmt.Sprintf("10.%d.%d.%d:80", i>>16&0xff, i>>8&0xff, i&0xff),
		Weight:  weight,
	}, pool.FromConfig)
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

// MembersOf returns accepting members of a pool of its own with these specs,
// all of one tier.
func MembersOf(t testing.TB, specs ...pool.Spec) []*pool.Member {
	t.Helper()
	p := New(t)
	p.Seed(&pool.Definition{Backends: specs, Policy: nobody{}})
	return p.Snapshot().Members
}

// nobody is a policy that picks nobody.
type nobody struct{}

// NewPicker implements pool.Policy.
func (nobody) NewPicker([]*pool.Member, pool.Picker) pool.Picker { return nobody{} }

// Pick implements pool.Picker.
func (nobody) Pick(*pool.Request) *pool.Member { return nil }
