package loadbalance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	"go.uber.org/zap"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/discovery"
	"github.com/caddy-loadbalance/caddy-loadbalance/metrics"
	"github.com/caddy-loadbalance/caddy-loadbalance/persist"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

func init() { caddy.RegisterModule(new(App)) }

// App puts the pools of a config in force when the config starts, and gives
// them back when it stops. It needs no configuration: it is there as soon as a
// `load_balance` handler is.
//
// Handlers of the `events` app get what happens to backends, as events of the
// module `load_balance`. Each is a line of this module's log as well, unless it
// was asked for through the admin API, which logs that.
//
// Event | Means
// ------|------
// `backend_up`, `backend_down` | Health checks decided so
// `backend_waiting` | It was added, and waits for its first health check
// `backend_ejected` | Its requests have failed too often
// `backend_kept` | They have, but as many are ejected as may be
// `backend_probing`, `backend_returned` | The ejection is over; a request has succeeded, or need not
// `backend_draining`, `backend_maintenance`, `backend_ready` | The operator wants it so
// `drain_finished` | A drain is over
// `backend_added`, `backend_removed`, `backend_changed` | By the config, by discovery or by the admin API
// `runtime_change_dropped` | The config has changed what was changed at runtime, and won
//
// Their data are `pool`, `backend` (its id), `address`, `reason`, `after` (how many
// seconds the state before has held), `old` and `new` (settings), `then` (what
// follows a drain) and `by`; empty where they mean nothing.
type App struct {
	config.App

	ctx    caddy.Context
	logger *zap.Logger
	events *caddyevents.App
	begun  begun

	secret storedSecret
	store  *persist.Store

	mu       sync.Mutex
	defined  map[string]*definition
	referred map[string]bool
	stop     []func() // undo what Start did, last first
}

// definition is a pool as this config defines it.
type definition struct {
	identity
	def    *pool.Definition
	source discovery.Source // nil: none
}

// CaddyModule returns the Caddy module information.
func (*App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "load_balance",
		New: func() caddy.Module { return new(App) },
	}
}

// Provision prepares the app.
func (a *App) Provision(ctx caddy.Context) error {
	if err := a.Validate(); err != nil {
		return err
	}
	a.ctx, a.logger = ctx, ctx.Logger()
	a.store = a.newStore()
	a.defined = make(map[string]*definition)
	a.referred = make(map[string]bool)
	if err := metrics.Register(ctx.GetMetricsRegistry(), registry); err != nil {
		return fmt.Errorf("registering metrics: %w", err)
	}
	events, err := ctx.App("events")
	if err != nil {
		return fmt.Errorf("getting events app: %w", err)
	}
	app, ok := events.(*caddyevents.App)
	if !ok {
		return fmt.Errorf("events app is a %T", events)
	}
	a.events, a.begun.yes = app, make(chan struct{})
	return errors.Join(app.On("started", &a.begun), a.whenStopping())
}

// define notes a handler's definition of a pool. The same definition may come
// more than once, as Caddy makes several handlers of one Caddyfile block that
// serves several ports; two that differ are an error.
func (a *App) define(id identity, def *pool.Definition, source discovery.Source) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if first, dup := a.defined[id.name]; dup {
		if first.fingerprint == id.fingerprint {
			return nil
		}
		return fmt.Errorf("pool %q is defined twice: by a load_balance handler with the backends %s, and by one with %s; "+
			"to share it, define it once and give only its name in the other", id.name, first.summary, id.summary)
	}
	a.defined[id.name] = &definition{identity: id, def: def, source: source}
	return nil
}

// refer notes that a handler uses a pool that another one defines.
func (a *App) refer(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.referred[name] = true
}

// Start commits the pools of the config.
func (a *App) Start() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for name := range a.referred {
		if a.defined[name] == nil {
			return fmt.Errorf("pool %q is used, but no load_balance handler of the config defines it", name)
		}
	}
	a.keepSecret()
	a.tellOfSharedCookies()
	pools, err := a.acquire()
	if err != nil {
		a.undo()
		return err
	}
	a.loadStored(pools)
	checker.SetLogger(a.logger.Named("health"))
	for name, d := range a.defined {
		p := pools[name]
		p.Commit(a, d.def)
		a.stop = append(a.stop, func() { p.Withdraw(a) })
		if d.source != nil {
			a.stop = append(a.stop, runner.Start(p, d.def.Discovery, d.source, a.logger))
		}
	}
	a.settle()
	return nil
}

// acquire returns the pools that the config defines, which are there until it
// stops.
func (a *App) acquire() (map[string]*pool.Pool, error) {
	pools := make(map[string]*pool.Pool, len(a.defined))
	for name := range a.defined {
		p, err := registry.Acquire(name)
		if err != nil {
			return nil, fmt.Errorf("pool %q: %w", name, err)
		}
		pools[name] = p
		a.stop = append(a.stop, func() {
			if err := registry.Release(name); err != nil {
				a.logger.Error("releasing pool", zap.String("pool", name), zap.Error(err))
			}
		})
	}
	return pools, nil
}

// firstAnswers is how long the start of a config waits for discovery, so that
// its first requests find backends.
const firstAnswers = time.Second

func (a *App) settle() {
	ctx, cancel := context.WithTimeout(a.ctx, firstAnswers)
	defer cancel()
	runner.Settle(ctx)
}

// Stop gives the pools back. After a reload the next config has committed its
// own definitions by then; when a config fails to start, the one before is in
// force again.
func (a *App) Stop() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.undo()
	return nil
}

// Cleanup does what Stop does, for configs which end without being stopped. By
// now the servers have stopped.
func (a *App) Cleanup() error {
	defer a.awaitTunnels()
	return a.Stop()
}

func (a *App) undo() {
	for _, stop := range slices.Backward(a.stop) {
		stop()
	}
	a.stop = nil
}

// Interface guards
var (
	_ caddy.App          = (*App)(nil)
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
)
