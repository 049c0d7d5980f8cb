package command

import (
	"time"

	"github.com/spf13/cobra"
)

func readyCommand() *cobra.Command {
	var o mutation
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "ready <backend...> [--wait <duration>]",
		Short: "Puts backends in service, and ends their drain or maintenance",
		Long: `
Puts backends, named by id or address, in service. They take requests if their
health allows it; --wait waits until they do.

--json prints each as the admin API answers, on a line of its own.`,
		Example: `  $ caddy load-balance ready 127.0.0.1:9001
  $ caddy load-balance ready web1 --wait 30s`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: o.completeBackends,
	}
	o.bind(cmd)
	cmd.Flags().DurationVar(&wait, "wait", 0, "Wait until they take requests, for as long as this")
	cmd.RunE = action(func(cmd *cobra.Command, args []string) error { return setAdminState(cmd, &o, args, "ready", wait) })
	return cmd
}

func maintenanceCommand() *cobra.Command {
	var o mutation
	cmd := &cobra.Command{
		Use:   "maintenance <backend...>",
		Short: "Takes backends out of service",
		Long: `
Takes backends, named by id or address, out of service: they get no new request,
of no session either, and are not probed. What is in flight finishes. 'ready'
puts them in service again.

--json prints each as the admin API answers, on a line of its own.`,
		Example:           `  $ caddy load-balance maintenance 127.0.0.1:9001`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: o.completeBackends,
	}
	o.bind(cmd)
	cmd.RunE = action(func(cmd *cobra.Command, args []string) error { return setAdminState(cmd, &o, args, "maintenance", 0) })
	return cmd
}

// setAdminState changes the admin state of backends, one after the other, and
// waits until they take requests if that is wanted.
func setAdminState(cmd *cobra.Command, o *mutation, args []string, state string, wait time.Duration) error {
	ctx, stop := interruptible(cmd.Context())
	defer stop()
	c, pool, err := o.connect(ctx)
	if err != nil {
		return err
	}
	defer c.close()
	ids, err := c.resolve(ctx, pool, args)
	if err != nil {
		return err
	}
	for _, id := range ids {
		answer, err := o.patch(ctx, c, pool, id, map[string]any{"admin_state": state})
		if err != nil {
			return err
		}
		var b backendAnswer
		if err := c.decode(answer, &b); err != nil {
			return err
		}
		if err := o.tell(cmd, answer, "%s of pool %s: %s, %s in flight", id, pool, standing(&b), count(b.InFlight)); err != nil {
			return err
		}
		if wait > 0 && !o.dryRun && !b.Accepting {
			if err := c.waitAccepting(ctx, cmd, pool, id, wait); err != nil {
				return err
			}
		}
	}
	return o.awaitInstances(ctx, cmd, c, pool)
}
