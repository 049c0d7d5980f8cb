package command

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

// pollInterval is how often a backend is asked for that something is awaited of.
const pollInterval = 100 * time.Millisecond

// waitAccepting waits until the backend takes requests.
func (c *client) waitAccepting(ctx context.Context, cmd *cobra.Command, pool, id string, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	began := time.Now()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	var last backendAnswer
	for {
		var b backendAnswer
		err := c.get(ctx, backendPath(pool, id), &b)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			return err
		case b.Accepting:
			fmt.Fprintf(cmd.ErrOrStderr(), "%s accepts requests after %s\n", id, milliseconds(float64(time.Since(began).Microseconds())/1000))
			return nil
		default:
			last = b
		}
		select {
		case <-ctx.Done():
			if context.Cause(ctx) != context.DeadlineExceeded { //nolint:errorlint // a context's own error
				return exitf(exitInterrupted, "interrupted while waiting for %s", id)
			}
			return exitf(exitUnfinished, "%s does not accept requests after %s: %s", id, limit, last.Reason)
		case <-tick.C:
		}
	}
}
