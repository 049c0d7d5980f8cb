package loadbalance

import (
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
func (a *App) loadStored(pools map[string]*pool.Pool) {
	var stored []*pool.Pool
	for name, d := range a.defined {
		if d.def.Store != nil {
			stored = append(stored, pools[name])
		}
	}
	if len(stored) == 0 {
		return
	}
	a.store.Start(stored)
	a.store.Run()
	a.stop = append(a.stop, a.store.Stop)
}
