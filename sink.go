package loadbalance

import (
	"context"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// messages are the log lines of events.
var messages = map[string]string{
	pool.EventUp:          "backend up",
	pool.EventDown:        "backend down",
	pool.EventEjected:     "backend ejected",
	pool.EventKept:        "backend not ejected",
	pool.EventProbing:     "backend probing",
	pool.EventReturned:    "backend returned",
	pool.EventDraining:    "backend draining",
	pool.EventMaintenance: "backend in maintenance",
	pool.EventReady:       "backend ready",
	pool.EventWaiting:     "backend waiting",
	pool.EventAdded:       "backend added",
	pool.EventRemoved:     "backend removed",
	pool.EventChanged:     "backend changed",
	pool.EventYielded:     "runtime change dropped",

	pool.EventDrainFinished: "drain finished",
}

// logged tells which changes of a pool's set of backends have a log line of
// their own: those that this process was not asked for. The admin API logs what
// it is asked.
func logged(e pool.Event) bool {
	switch e.Name {
	case pool.EventAdded, pool.EventRemoved, pool.EventChanged:
		return !e.Asked()
	}
	return true
}

// sink makes of an event one log line and one Caddy event.
func (a *App) sink(e pool.Event) {
	level := zapcore.InfoLevel
	switch e.Name {
	case pool.EventDown, pool.EventEjected, pool.EventKept, pool.EventYielded:
		level = zapcore.WarnLevel
	}
	message := messages[e.Name]
	if message == "" {
		message = e.Name
	}
	if c := a.logger.Check(level, message); c != nil && logged(e) {
		c.Write(fields(e)...)
	}
	if a.begun.wait(a.ctx) {
		a.events.Emit(a.ctx, e.Name, data(e))
	}
}

// begun is closed when all apps of the config have started. Apps start in any
// order, and that of events must not be given any before: it makes its table of
// handlers then, without a lock.
type begun struct {
	yes  chan struct{}
	once sync.Once
}

// Handle implements caddyevents.Handler, for Caddy's event of that.
func (b *begun) Handle(context.Context, caddy.Event) error {
	b.once.Do(func() { close(b.yes) })
	return nil
}

// wait reports whether the config is in force. It waits as long as that is open;
// it is pools' goroutines for events that wait, and nobody for those.
func (b *begun) wait(ctx context.Context) bool {
	select {
	case <-b.yes:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

func fields(e pool.Event) []zap.Field {
	f := []zap.Field{zap.String("pool", e.Pool), zap.String("backend", e.Backend)}
	if e.Address != "" && e.Address != e.Backend {
		f = append(f, zap.String("address", e.Address))
	}
	if e.Reason != "" {
		f = append(f, zap.String("reason", e.Reason))
	}
	if e.Lasted > 0 {
		f = append(f, zap.Duration("after", e.Lasted))
	}
	if e.Old != e.New {
		f = append(f, zap.String("old", e.Old), zap.String("new", e.New))
	}
	if e.Then != "" {
		f = append(f, zap.String("then", string(e.Then)))
	}
	if e.By != "" {
		f = append(f, zap.String("by", e.By))
	}
	return f
}

func data(e pool.Event) map[string]any {
	return map[string]any{
		"pool": e.Pool, "backend": e.Backend, "address": e.Address, "reason": e.Reason,
		"after": e.Lasted.Seconds(), "old": e.Old, "new": e.New, "then": string(e.Then), "by": e.By,
	}
}
