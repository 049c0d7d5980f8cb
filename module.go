// Package loadbalance is a load balancer for Caddy: an HTTP handler with its
// own backend pools, selection policies, health checks and forwarding, which
// are operated live through Caddy's admin endpoint.
package loadbalance

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
	"github.com/caddy-loadbalance/caddy-loadbalance/proxy"
)

func init() { caddy.RegisterModule(Handler{}) }

// Handler forwards requests to the backends of a pool.
//
// A pool is a named set of backends with one selection policy and one way of
// checking health. Its backends come from this configuration, from discovery
// (`dynamic_backends`), and from the admin API under `/load_balance/`, through
// which they are listed, added, changed, drained and removed while traffic
// flows. Pools outlive config reloads: counters, health and idle connections of
// a pool that stays in the config are kept.
//
// Exactly one handler defines a pool; others use it by giving its name alone.
//
// Placeholders, usable in this handler (`header_down`, `lb_retry_match`) and after
// it: in `log_append`, so that access logs have them, and in `handle_errors`. They
// are looked up when they are used, and cost nothing else. What there is no value
// for, such as a backend where none was selected, is empty, and null in a JSON
// log.
//
// Placeholder | Description
// ------------|-------------
// `{http.load_balance.pool}` | The name of the pool
// `{http.load_balance.backend.id}` | The id of the backend that was selected last
// `{http.load_balance.backend.address}` | The backend's address, as in the admin API
// `{http.load_balance.backend.hostport}` | The backend's `host:port`
// `{http.load_balance.backend.host}` | The backend's host
// `{http.load_balance.backend.port}` | The backend's port
// `{http.load_balance.attempts}` | How many attempts were made
// `{http.load_balance.latency_ms}` | Time from the last attempt's start to the head of the response, in milliseconds
// `{http.load_balance.upstream_ms}` | Time of the last attempt, to the end of the response, in milliseconds; so far, while it goes on
// `{http.load_balance.queue_ms}` | Time spent waiting for a backend, in milliseconds
// `{http.load_balance.error}` | Why the last attempt failed, or there was none; empty after one that succeeded
//
// Metrics of pools and backends, `caddy_load_balance_…`, are where Caddy has its
// own: at `/metrics` of the admin endpoint, and of sites with `metrics`.
//
// The placeholders `{http.reverse_proxy.upstream.*}` of Caddy's `reverse_proxy`
// have the same meaning here, so that configurations can be carried over.
type Handler struct {
	config.Handler

	pool     *pool.Pool
	proxy    *proxy.Proxy
	acquired string // name of the pool that Cleanup releases; "" if none
}

// CaddyModule returns the Caddy module information.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.load_balance",
		New: func() caddy.Module { return new(Handler) },
	}
}

// Provision prepares the handler. It changes nothing that a running config can
// see: the load_balance app puts the pool's definition in force when it starts.
func (h *Handler) Provision(ctx caddy.Context) error {
	if err := h.Handler.Validate(); err != nil {
		return err
	}
	appIface, err := ctx.App("load_balance")
	if err != nil {
		return fmt.Errorf("getting load_balance app: %w", err)
	}
	app, ok := appIface.(*App)
	if !ok {
		return fmt.Errorf("load_balance app is a %T", appIface)
	}
	if h.RefersOnly() {
		app.refer(h.Pool)
		return h.use(ctx, app, h.Pool, nil)
	}
	// the name and the fingerprint come first: loading modules consumes their
	// configuration
	id, err := identify(&h.Handler)
	if err != nil {
		return err
	}
	def, source, err := h.definition(ctx, app)
	if err != nil {
		return err
	}
	if err := app.define(id, def, source); err != nil {
		return err
	}
	return h.use(ctx, app, id.name, def)
}

// use acquires the pool and makes the forwarding part. def is nil if the pool
// is defined elsewhere.
func (h *Handler) use(ctx caddy.Context, app *App, name string, def *pool.Definition) error {
	p, err := registry.Acquire(name)
	if err != nil {
		return fmt.Errorf("pool %q: %w", name, err)
	}
	h.pool, h.acquired = p, name
	if def != nil {
		app.preload(p, def)
		p.Seed(def)
	}
	h.proxy, err = proxy.New(ctx, &h.Handler, p)
	return err
}

// Cleanup gives back what Provision acquired.
func (h *Handler) Cleanup() error {
	if h.acquired == "" {
		return nil
	}
	name := h.acquired
	h.acquired = ""
	return registry.Release(name)
}

// ServeHTTP forwards the request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	return h.proxy.ServeHTTP(w, r)
}

// errNotProvisioned guards against use without Provision, by modules that make
// handlers themselves.
var errNotProvisioned = errors.New("load_balance handler is not provisioned")

// Validate makes sure that Provision has done its work.
func (h *Handler) Validate() error {
	if h.proxy == nil {
		return errNotProvisioned
	}
	return nil
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
