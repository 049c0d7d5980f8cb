package discovery

import (
	"context"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// namespace is that of the modules which discover backends.
const namespace = "http.handlers.load_balance.sources"

// Source is what modules of the namespace `http.handlers.load_balance.sources`
// implement: something that backends can be learnt from.
type Source interface {
	// Lookups returns what is to be asked, and asked again from time to time.
	// Each lookup fails or succeeds for itself. The backends of a pool are
	// those of all lookups, in their order. It is called once after Provision.
	Lookups() []Lookup
}

// Lookup is one question that is asked again and again.
type Lookup struct {
	// Name says what is looked up, for logs. It also tells the lookups of a
	// source apart, so that each keeps what it has found over a reload.
	Name string

	// Find asks once. No backends and no error means that there are certainly
	// none; an error alone, that nothing was learnt. An error beside backends
	// tells what was left out. Find must end soon after ctx is done, and is
	// never called while a call is under way.
	Find func(ctx context.Context) ([]config.Backend, error)

	// Refresh is the time between two calls of Find. Default: 1 minute.
	Refresh time.Duration

	// Retry is the time between two calls of Find after it has failed.
	// Default: 1 second, doubled on each further failure, up to Refresh.
	Retry time.Duration
}

const (
	defaultRefresh = time.Minute
	minRefresh     = 100 * time.Millisecond // what a configuration may ask for
	firstRetry     = time.Second
	lookupTimeout  = 5 * time.Second
)

// delay returns the time to the next call of Find, after it has failed so many
// times in a row. r, within [0, 1), spreads it by 10 % to both sides, so that
// many pools, and many machines, do not ask at once.
func (l *Lookup) delay(failures int, r float64) time.Duration {
	d := l.Refresh
	if d <= 0 {
		d = defaultRefresh
	}
	if failures > 0 {
		retry := l.Retry
		if retry <= 0 {
			retry = firstRetry << min(failures-1, 16)
			retry = min(retry, d)
		}
		d = retry
	}
	return time.Duration(float64(d) * (0.9 + 0.2*r))
}
