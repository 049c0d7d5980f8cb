package proxy

import (
	"errors"
	"fmt"
	"net"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// errRetryBudget is part of the error of a request that could have been tried
// again, but for the other requests that are being retried.
var errRetryBudget = errors.New("not retried: retry budget exhausted")

// free reports whether a retry needs no room in the budget: no connection could
// be made, which has cost the backend nothing, and there is another one to try.
// That adds nothing to what backends have to do. It is what would have been sent
// anyway, had it been known that the first one cannot be reached. Each backend
// is tried once in that way.
func (x *exchange) free() bool { return x.failure.refused && x.untriedLeft() }

// isRefusal reports whether err means that a backend has had no work with a
// connection that could not be made: nothing listens there, or there is no way to
// it. One that takes too long, or is closed again, may be that of a backend which
// has too much to do, and there was work in a failed TLS handshake.
func isRefusal(err error) bool {
	if _, ok := errors.AsType[*connectError](err); !ok || isTimeout(err) {
		return false
	}
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

// withinBudget waits, after a failed attempt, until the pool's retry budget has
// room for another: not at all, unless there is a time for which backends are
// tried. It reports false if there is none.
func (x *exchange) withinBudget() (waited, ok bool) {
	if x.proxy.pool.AllowRetry(&x.query) {
		return false, true
	}
	defer x.proxy.pool.AwaitRetry()()
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
