package command

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

func weightCommand() *cobra.Command {
	var o mutation
	cmd := &cobra.Command{
		Use:   "weight <backend> <n>",
		Short: "Changes a backend's share of the load",
		Long: `
Changes the weight of a backend, named by id or address: its share of the load
in relation to the others, from 1 to 1000.

--json prints the backend as the admin API answers.`,
		Example:           `  $ caddy load-balance weight 127.0.0.1:9001 5`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: o.completeBackend,
	}
	o.bind(cmd)
	cmd.RunE = action(func(cmd *cobra.Command, args []string) error { return setWeight(cmd, &o, args[0], args[1]) })
	return cmd
}

func setWeight(cmd *cobra.Command, o *mutation, name, text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > config.MaxWeight {
		return fmt.Errorf("weight %q is not a whole number from 1 to %d", text, config.MaxWeight)
	}
	c, pool, err := o.connect(cmd.Context())
	if err != nil {
		return err
	}
	defer c.close()
	ids, err := c.resolve(cmd.Context(), pool, []string{name})
	if err != nil {
		return err
	}
	answer, err := o.patch(cmd.Context(), c, pool, ids[0], map[string]any{"weight": n})
	if err != nil {
		return err
	}
	if err := o.tell(cmd, answer, "%s of pool %s has weight %d", ids[0], pool, n); err != nil {
		return err
	}
	return o.awaitInstances(cmd.Context(), cmd, c, pool)
}
