// Package admin is the load balancer's part of Caddy's admin endpoint: it
// shows pools and their backends, and changes them while traffic flows.
package admin

import (
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-loadbalance/caddy-loadbalance/metrics"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

func init() { caddy.RegisterModule(API{}) }

// root is the path below which all resources are.
const root = "/load_balance"

// inUse is where requests find pools. It is set before Caddy starts.
var inUse = pool.NewRegistry(nil)

// UseRegistry makes r the registry whose pools the API serves. It must be
// called before the first config is loaded, that is, by an init function.
func UseRegistry(r *pool.Registry) { inUse = r }

// API serves the load balancer's pools below `/load_balance/` on Caddy's admin
// endpoint. It has no configuration, and keeps nothing: pools are looked up
// anew for every request.
//
// Method and path | Does
// ----------------|------
// `GET status` | Shows all pools with their backends
// `GET events` | Streams all changes as server-sent events, of one pool with `?pool=web`
// `GET pools` | Shows all pools
// `GET pools/{pool}` | Shows a pool with its backends, and with `?wait=5s` waits for other instances
// `GET pools/{pool}/explain` | Says which backend a request would get, and why no other
// `GET pools/{pool}/backends` | Shows the backends of a pool
// `POST pools/{pool}/backends` | Adds a backend
// `PUT pools/{pool}/backends` | Replaces all backends at once
// `GET pools/{pool}/backends/{id}` | Shows a backend
// `PATCH pools/{pool}/backends/{id}` | Changes a backend
// `DELETE pools/{pool}/backends/{id}` | Removes a backend
// `POST pools/{pool}/backends/{id}/drain` | Drains a backend, by a deadline, with something to follow
// `GET`, `POST`, `DELETE backends` | The same for the only pool, while there is one
//
// With `?dry_run=true` a change is checked and reported, and not made.
type API struct {
	registry *pool.Registry
	logger   *zap.Logger
	done     <-chan struct{} // closed when the config has been replaced

	writeLimit time.Duration // of streams; 0 is the usual one
}

// CaddyModule returns the Caddy module information.
func (API) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "admin.api.load_balance",
		New: func() caddy.Module { return &API{registry: inUse, logger: caddy.Log().Named("admin.api.load_balance")} },
	}
}

// Provision gets logger and lifetime of the config that the endpoint belongs to,
// and has its `/metrics` show pools. The load_balance app does so as well, but
// may not be reached by a config that fails, whose endpoint serves on.
func (a *API) Provision(ctx caddy.Context) error {
	a.logger, a.done = ctx.Logger(a), ctx.Done()
	return metrics.Register(ctx.GetMetricsRegistry(), a.registry)
}

// Routes returns the routes. There is one handler for all paths, so that no
// spelling of a path is interpreted by anyone else: without the pattern that
// has no slash, Caddy's router would answer that path with a redirect.
func (a *API) Routes() []caddy.AdminRoute {
	handler := caddy.AdminHandlerFunc(a.serve)
	return []caddy.AdminRoute{
		{Pattern: root, Handler: handler},
		{Pattern: root + "/", Handler: handler},
	}
}

// Interface guards
var (
	_ caddy.Provisioner = (*API)(nil)
	_ caddy.AdminRouter = (*API)(nil)
)
