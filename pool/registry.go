package pool

import (
	"cmp"
	"slices"

	"github.com/caddyserver/caddy/v2"
)

// Registry holds pools by name for the whole process. A pool lives while
// something has acquired it.
type Registry struct {
	pools   *caddy.UsagePool
	monitor Monitor
	hub     hub
	exit    exit
}

// NewRegistry returns an empty registry, whose pools are watched by monitor;
// nil means by nobody.
func NewRegistry(monitor Monitor) *Registry {
	return &Registry{pools: caddy.NewUsagePool(), monitor: monitor, hub: hub{epoch: newEpoch()}, exit: exit{begun: make(chan struct{})}}
}

// Acquire returns the pool with the name, which is made if there is none. Each
// Acquire needs one Release.
func (r *Registry) Acquire(name string) (*Pool, error) {
	v, _, err := r.pools.LoadOrNew(name, func() (caddy.Destructor, error) {
		return newPool(name, r.monitor, &r.hub, &r.exit), nil
	})
	if err != nil {
		return nil, err
	}
	return v.(*Pool), nil
}

// Release gives back one Acquire of the pool.
func (r *Registry) Release(name string) error {
	_, err := r.pools.Delete(name)
	return err
}

// Lookup returns the pool with the name if a running config claims it.
func (r *Registry) Lookup(name string) (*Pool, bool) {
	for _, p := range r.Pools() {
		if p.name == name {
			return p, true
		}
	}
	return nil, false
}

// Pools returns all pools that a running config claims, by name.
func (r *Registry) Pools() []*Pool {
	var pools []*Pool
	r.pools.Range(func(_, v any) bool {
		pools = append(pools, v.(*Pool))
		return true
	})
	pools = slices.DeleteFunc(pools, func(p *Pool) bool { return !p.Committed() })
	slices.SortFunc(pools, func(a, b *Pool) int { return cmp.Compare(a.name, b.name) })
	return pools
}

// References returns how many Acquire calls of the pool were not yet released,
// and whether there is such a pool.
func (r *Registry) References(name string) (int, bool) { return r.pools.References(name) }
