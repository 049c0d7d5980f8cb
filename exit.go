package loadbalance

import (
	"context"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
)

// leaveTime is how long tunnels take to end, once they have to.
const leaveTime = 2 * time.Second

// whenStopping has the app told that its config is about to be stopped. Caddy
// says so before it stops the servers, which wait for requests; so tunnels over
// HTTP/2, which are requests to a server, do not keep it waiting.
func (a *App) whenStopping() error { return a.events.On("stopping", stopping{a}) }

// stopping is told when the config is about to be stopped.
type stopping struct{ app *App }

// Handle implements caddyevents.Handler.
func (s stopping) Handle(context.Context, caddy.Event) error {
	if caddy.Exiting() {
		delay, grace := s.app.exitTimes()
		registry.Exit(delay, max(grace-leaveTime, 0))
	}
	return nil
}

// exitTimes returns how long the servers go on after the process was told to
// stop, and how long their requests may take from then on.
func (a *App) exitTimes() (delay, grace time.Duration) {
	app, err := a.ctx.AppIfConfigured("http")
	if err != nil {
		return 0, 0
	}
	servers, ok := app.(*caddyhttp.App)
	if !ok {
		return 0, 0
	}
	return time.Duration(servers.ShutdownDelay), time.Duration(servers.GracePeriod)
}

// awaitTunnels has a process that stops wait for its tunnels to end, which the
// servers do not know of.
func (a *App) awaitTunnels() {
	if !caddy.Exiting() {
		return
	}
	_, grace := a.exitTimes()
	ctx, cancel := context.WithTimeout(context.Background(), max(grace, leaveTime))
	defer cancel()
	if err := registry.AwaitTunnels(ctx); err != nil {
		a.logger.Warn("not all tunnels have ended in time", zap.Error(err))
	}
}

// Interface guards
var _ caddyevents.Handler = stopping{}
