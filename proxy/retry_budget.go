package proxy

import (
	"errors"
	"fmt"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// errRetryBudget is part of the error of a request that could have been tried
// again, but for the other requests that are being retried.
var errRetryBudget = errors.New("not retried: retry budget exhausted")

// free reports whether a retry needs no room in the budget: no backend has seen
// anything of the request, and there is another one to try. That adds nothing to
// what backends have to do. It is what would have been sent anyway, had it been
// known that the first one cannot be reached.
func (x *exchange) free() bool { return !x.failure.sent && x.untriedLeft() }

// withinBudget waits, after a failed attempt, until the pool's retry budget has
// room for another: not at all, unless there is a time for which backends are
// tried. It reports false if there is none.
func (x *exchange) withinBudget() (waited, ok bool) {
	for !x.proxy.pool.AllowRetry(&x.query) {
		if x.proxy.retry.duration == 0 || !x.sleep(x.proxy.retry.steady()) {
			x.refusedRetry(x.failure.err)
			f := *x.failure
			f.err = fmt.Errorf("%w; %w", f.err, errRetryBudget)
			x.failure = &f
			return waited, false
		}
		waited = true
	}
	return waited, true
}

// refusedRetry takes note of a retry that there was no room for.
func (x *exchange) refusedRetry(cause error) {
	x.proxy.pool.CountRefusedRetry()
	if c := x.proxy.logger.Check(zapcore.DebugLevel, "retry budget exhausted"); c != nil {
		c.Write(zap.String("pool", x.proxy.pool.Name()), zap.Int("attempts", x.attempts), zap.Error(cause))
	}
}
