package loadbalance

import (
	"go.uber.org/zap"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
	"github.com/caddy-loadbalance/caddy-loadbalance/sticky"
)

// sticky returns what keeps clients with their backends, or nil.
func (h *Handler) sticky(app *App) (pool.Sticky, error) {
	if h.LoadBalancing == nil || h.LoadBalancing.Sticky == nil {
		return nil, nil
	}
	cfg := h.LoadBalancing.Sticky
	if cfg.By == config.StickyClientIP {
		return new(sticky.ClientIP), nil
	}
	if cfg.Secret == "" {
		return sticky.NewCookie(cfg, h.Pool, app.secret.use(app.ctx.Storage())), nil
	}
	secret, err := sticky.ConfiguredSecret(cfg.Secret)
	if err != nil {
		return nil, err
	}
	return sticky.NewCookie(cfg, h.Pool, secret), nil
}

// keepSecret has the secret of sticky sessions stored, or takes over what is
// stored, before the pools of the config are committed, if that is soon. If it
// comes later, and is another one, they get to know it.
func (a *App) keepSecret() {
	stop := a.secret.keep(a.ctx, a.ctx.Storage(), a.logger, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		for name := range a.defined {
			if p, ok := registry.Lookup(name); ok {
				p.Republish()
			}
		}
	})
	a.stop = append(a.stop, stop)
}

// tellOfSharedCookies says which pools set the same cookie, which is right only
// as long as no site has two of them.
func (a *App) tellOfSharedCookies() {
	pools := make(map[string]string) // by their cookie
	for name, d := range a.defined {
		cookie, ok := d.def.Sticky.(*sticky.Cookie)
		if !ok {
			continue
		}
		if other, shared := pools[cookie.Name()]; shared {
			a.logger.Info("two pools have the same sticky cookie; if one site has both, give the pools or the cookies names",
				zap.String("cookie", cookie.Name()), zap.String("pool", name), zap.String("other_pool", other))
		}
		pools[cookie.Name()] = name
	}
}
