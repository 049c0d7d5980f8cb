package config

import (
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// App is the JSON configuration of the `load_balance` app: what concerns all
// pools. There is no need to configure it.
type App struct {
	// How often each instance of Caddy looks in the storage for what others
	// have changed through their admin endpoints, 100ms to 1h. It varies by a
	// tenth, so that instances do not look all at once. Default: 2s.
	SyncInterval caddy.Duration `json:"sync_interval,omitempty"`
}

// Validate returns an error if the configuration is not usable.
func (a *App) Validate() error {
	if d := time.Duration(a.SyncInterval); d != 0 && (d < MinSyncInterval || d > MaxSyncInterval) {
		return fmt.Errorf("sync_interval %s is not within %s to %s", d, MinSyncInterval, MaxSyncInterval)
	}
	return nil
}

// Interval returns the interval that is configured, or the default.
func (a *App) Interval() time.Duration {
	if a.SyncInterval == 0 {
		return DefaultSyncInterval
	}
	return time.Duration(a.SyncInterval)
}

// Bounds and default of [App.SyncInterval].
const (
	MinSyncInterval     = 100 * time.Millisecond
	MaxSyncInterval     = time.Hour
	DefaultSyncInterval = 2 * time.Second
)

// Persists reports whether the pool's runtime changes are to be stored.
func (h *Handler) Persists() bool { return h.Persist == nil || *h.Persist }
