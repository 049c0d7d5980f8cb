package proxy

import (
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// Proxy forwards the requests of one handler to the backends of its pool.
type Proxy struct {
	pool    *pool.Pool
	cfg     config.Forwarding
	retry   retryRules
	trusted []netip.Prefix
	logger  *zap.Logger

	bodyPace paceLimit
	sendPace paceLimit
}

// New makes the Proxy of a handler. It loads the modules that the handler's
// forwarding part names.
func New(ctx caddy.Context, cfg *config.Handler, p *pool.Pool) (*Proxy, error) {
	x := &Proxy{pool: p, cfg: cfg.Forwarding, logger: ctx.Logger()}
	x.bodyPace = newPaceLimit(cfg.ClientBodyTimeout, cfg.ClientBodyMinRate)
	x.sendPace = newPaceLimit(cfg.SendTimeout, cfg.SendMinRate)
	var err error
	if x.trusted, err = config.ParsePrefixes(cfg.TrustedProxies); err != nil {
		return nil, fmt.Errorf("trusted_proxies: %w", err)
	}
	if cfg.LoadBalancing != nil {
		if x.retry, err = newRetryRules(ctx, cfg.LoadBalancing.Retry); err != nil {
			return nil, err
		}
	}
	if x.cfg.Headers != nil {
		if err := x.cfg.Headers.Provision(ctx); err != nil {
			return nil, fmt.Errorf("headers: %w", err)
		}
	}
	if x.cfg.Rewrite != nil {
		if err := x.cfg.Rewrite.Provision(ctx); err != nil {
			return nil, fmt.Errorf("rewrite: %w", err)
		}
	}
	if x.cfg.RequestBuffers < 0 || x.cfg.ResponseBuffers < 0 {
		x.logger.Warn("bodies are buffered without a limit, which can use up all memory")
	}
	followClients(ctx, cfg)
	return x, nil
}

// ServeHTTP forwards the request and writes the response. Its errors carry the
// status to answer with.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) error {
	x := &exchange{proxy: p, w: w, r: r, start: time.Now()}
	x.repl, _ = r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if x.repl == nil {
		return caddyhttp.Error(http.StatusInternalServerError, fmt.Errorf("request has no replacer"))
	}
	x.publish()
	if p.cfg.ClientBodyTimeout != nil || p.cfg.SendTimeout != nil {
		defer x.limitClient()()
	}
	if err := x.prepare(); err != nil || x.answered {
		x.refused(err)
		x.closeUnlessComplete()
		x.body.detach()
		return err
	}
	return x.run()
}
