package persist

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Limits on what the storage may take. A lock that a crash has left behind in a
// file storage is stale after ten seconds, or removed after orphanAge; that is
// what lockTimeout has to outlast.
const (
	opTimeout   = 5 * time.Second
	lockTimeout = orphanAge + 4*time.Second
)

// hungError says that the storage does not answer. What was asked of it may be
// done yet, and nothing else must be until returned is closed.
type hungError struct {
	what     string
	after    time.Duration
	returned <-chan struct{}
}

func (e *hungError) Error() string {
	return fmt.Sprintf("%s: the storage has not answered within %s; it may do so yet", e.what, e.after)
}

// bounded calls op, which asks the storage for something, and waits for it no
// longer than limit. Storages may ignore the context: reading a file does.
func bounded(ctx context.Context, what string, limit time.Duration, op func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	var err error
	returned := make(chan struct{})
	go func() {
		defer cancel()
		err = op(ctx)
		close(returned)
	}()
	patience := time.NewTimer(limit + limit/8) // a storage that minds the context is not hung
	defer patience.Stop()
	select {
	case <-returned:
	case <-patience.C:
		return &hungError{what, limit, returned}
	}
	if err != nil {
		return &opError{what, err}
	}
	return nil
}

// opError is an error of the storage.
type opError struct {
	what string // was being done
	err  error
}

func (e *opError) Error() string { return e.what + ": " + e.err.Error() }

func (e *opError) Unwrap() error { return e.err }

// hung returns the error of bounded if the storage did not answer, or nil.
func hung(err error) *hungError {
	h, _ := errors.AsType[*hungError](err)
	return h
}
