package command

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// completionTimeout is how long somebody waits who has pressed the tab key.
const completionTimeout = time.Second

// completer proposes what may follow.
type completer = func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective)

// complete gives a flag of the command a completer.
func complete(cmd *cobra.Command, flag string, f completer) {
	if err := cmd.RegisterFlagCompletionFunc(flag, f); err != nil {
		panic(err) // there is no such flag
	}
}

// choices proposes always the same.
func choices(list ...string) completer {
	return cobra.FixedCompletions(list, cobra.ShellCompDirectiveNoFileComp)
}

// completePools proposes the names of the pools of the running Caddy.
func (t *target) completePools(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(context.Background(), completionTimeout)
	defer cancel()
	c, err := t.open()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	defer c.close()
	names, err := c.poolNames(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeBackends proposes the ids of the pool's backends, but for those that
// are there already.
func (t *target) completeBackends(_ *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(context.Background(), completionTimeout)
	defer cancel()
	c, pool, err := t.connect(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	defer c.close()
	list, err := c.backends(ctx, pool)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var found []string
	for i := range list {
		b := &list[i]
		if strings.HasPrefix(b.ID, begun) && !slices.Contains(args, b.ID) {
			found = append(found, fmt.Sprintf("%s\t%s, %s", b.ID, b.State, b.Address))
		}
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}

// completeBackend proposes one backend alone.
func (t *target) completeBackend(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return t.completeBackends(cmd, args, begun)
}
