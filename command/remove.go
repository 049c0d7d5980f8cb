package command

import (
	"net/http"

	"github.com/spf13/cobra"
)

// removal is what `remove --json` prints: the API's answer has no body.
type removal struct {
	Pool    string `json:"pool"`
	ID      string `json:"id"`
	Removed bool   `json:"removed"`
}

func removeCommand() *cobra.Command {
	var o mutation
	cmd := &cobra.Command{
		Use:   "remove <backend...>",
		Short: "Removes backends from a pool",
		Long: `
Removes backends, named by id or address. They get no new request once the
command has ended; what is in flight finishes. 'drain --then remove' waits for
that, also for sessions and WebSockets.

A backend of the config stays removed until the config's definition of it
changes, or it is added again.

--json prints {"pool": …, "id": …, "removed": true} for each, on a line of its
own.`,
		Example: `  $ caddy load-balance remove 127.0.0.1:9003
  $ caddy load-balance remove web1 web2 --pool web`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: o.completeBackends,
	}
	o.bind(cmd)
	cmd.RunE = action(func(cmd *cobra.Command, args []string) error { return remove(cmd, &o, args) })
	return cmd
}

func remove(cmd *cobra.Command, o *mutation, args []string) error {
	c, pool, err := o.connect(cmd.Context())
	if err != nil {
		return err
	}
	defer c.close()
	ids, err := c.resolve(cmd.Context(), pool, args)
	if err != nil {
		return err
	}
	for _, id := range ids {
		answer, err := c.call(cmd.Context(), http.MethodDelete, backendPath(pool, id)+o.query(), nil)
		if err != nil {
			return err
		}
		if o.json && !o.dryRun {
			err = printJSON(cmd, removal{pool, id, true})
		} else {
			err = o.tell(cmd, answer, "removed %s from pool %s", id, pool)
		}
		if err != nil {
			return err
		}
	}
	return o.awaitInstances(cmd.Context(), cmd, c, pool)
}
