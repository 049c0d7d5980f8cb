package loadbalance

import (
	"fmt"

	"go.uber.org/zap"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/persist"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// newStore returns what keeps the runtime changes of the config's pools.
func (a *App) newStore() *persist.Store {
	return persist.New(persist.Options{
		Storage: a.ctx.Storage(), Logger: a.logger.Named("storage"), Instance: instance, Interval: a.Interval(),
	})
}

// storeOf returns what keeps the runtime changes of the pool that the handler
// defines; nil if nothing does.
func (a *App) storeOf(h *config.Handler) pool.Store {
	if !h.Persists() {
		return nil
	}
	return a.store
}

// preload puts in force what is stored of a pool that no config has claimed
// yet: other apps may start before this one, and send it requests.
func (a *App) preload(p *pool.Pool, def *pool.Definition) {
	if def.Store != nil && !p.Committed() {
		a.store.Preload(p)
	}
}

// loadStored has the pools begin with what is stored of them, and has what
// others store put in force from now on.
func (a *App) loadStored() error {
	var pools []*pool.Pool
	for name, d := range a.defined {
		if d.def.Store == nil {
			continue
		}
		p, err := registry.Acquire(name)
		if err != nil {
			return fmt.Errorf("pool %q: %w", name, err)
		}
		a.stop = append(a.stop, func() {
			if err := registry.Release(name); err != nil {
				a.logger.Error("releasing pool", zap.String("pool", name), zap.Error(err))
			}
		})
		pools = append(pools, p)
	}
	if len(pools) == 0 {
		return nil
	}
	a.store.Start(pools)
	a.store.Run()
	a.stop = append(a.stop, a.store.Stop)
	return nil
}
