package persist

import (
	"context"
	"errors"
	"syscall"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// shown returns of an error what may be shown to whoever may use the admin API.
// Storages tell of paths, addresses and names of theirs in their errors, which
// are for the log alone.
func shown(err error) error {
	if err == nil {
		return nil
	}
	if h := hung(err); h != nil {
		return h
	}
	if bad, ok := errors.AsType[*pool.DocumentError](err); ok {
		return bad
	}
	if large, ok := errors.AsType[tooLargeError](err); ok {
		return large
	}
	if errors.Is(err, errLocked) {
		return errLocked
	}
	what := "storing"
	if op, ok := errors.AsType[*opError](err); ok {
		what = op.what
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return &opError{what, errno}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &opError{what, errors.New("it takes too long")}
	}
	return &opError{what, errors.New("the storage has failed; the log says why")}
}
