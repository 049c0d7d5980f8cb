package command

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

// What may follow a drain.
const (
	thenRemove      = "remove"
	thenMaintenance = "maintenance"
)

// drainOptions are the flags of `drain`.
type drainOptions struct {
	mutation
	deadline, timeout time.Duration
	then              string
	noWait            bool
}

func drainCommand() *cobra.Command {
	var o drainOptions
	cmd := &cobra.Command{
		Use:   "drain <backend> [--deadline <duration>] [--then remove|maintenance] [--timeout <duration>] [--no-wait]",
		Short: "Lets a backend finish, and waits until it has",
		Long: `
Has a backend, named by id or address, take no new requests but those of the
sessions that it has. What is in flight finishes, WebSockets and sessions
included. The command shows what is left, and ends when the drain does;
--no-wait ends once it has begun. The drain goes on in any case, also if the
command is interrupted or Caddy restarts. 'ready' cancels it.

--deadline ends the drain at the latest then: WebSockets that are left are
closed, and sessions go to other backends. --then says what follows: the backend
is removed, or in maintenance.

The exit code is 0 when the drain is over, by its deadline too; it is 7 if
somebody else has ended it, or if it is not over after --timeout.

--json prints the backend as the admin API answers, at the beginning and with
each change, each time on a line of its own; and at the end, if it was removed,
what 'remove' prints.`,
		Example: `  $ caddy load-balance drain 127.0.0.1:9001
  $ caddy load-balance drain web1 --deadline 30s --then remove`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: o.completeBackend,
	}
	o.bind(cmd)
	f := cmd.Flags()
	f.DurationVar(&o.deadline, "deadline", 0, "End the drain after this time at the latest (0: never)")
	f.StringVar(&o.then, "then", "", "What follows: remove or maintenance")
	f.DurationVar(&o.timeout, "timeout", 0, "Stop waiting after this time; the drain goes on (0: never)")
	f.BoolVar(&o.noWait, "no-wait", false, "Do not wait for the end")
	complete(cmd, "then", choices(thenRemove, thenMaintenance))
	cmd.RunE = action(o.run)
	return cmd
}

func (o *drainOptions) run(cmd *cobra.Command, args []string) error {
	body := make(map[string]any)
	switch o.then {
	case "":
	case thenRemove, thenMaintenance:
		body["then"] = o.then
	default:
		return fmt.Errorf("--then %q is neither remove nor maintenance", o.then)
	}
	if o.deadline < 0 || o.timeout < 0 {
		return errors.New("--deadline and --timeout must not be negative")
	}
	if o.deadline > 0 {
		body["deadline"] = o.deadline.String()
	}
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
	began := time.Now()
	answer, err := c.call(ctx, http.MethodPost, path("pools", pool, "backends", ids[0], "drain")+o.query(), body)
	if err != nil {
		return err
	}
	if err := o.awaitInstances(ctx, cmd, c, pool); err != nil {
		return err
	}
	if o.noWait || o.dryRun {
		return o.tell(cmd, answer, "%s of pool %s is draining", ids[0], pool)
	}
	if o.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.timeout)
		defer cancel()
	}
	return o.follow(ctx, cmd, &drainWatch{c: c, pool: pool, id: ids[0], then: o.then, began: began})
}
