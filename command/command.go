package command

import (
	"fmt"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:      "load-balance",
		Short:     "Runs and operates a load balancer",
		Long:      long,
		CobraFunc: setUp,
	})
}

const long = `
Shows and changes the backends of a running load balancer, without a config
reload. 'caddy load-balance run' starts one from flags alone.

The commands talk to the admin endpoint of a running Caddy. It is looked for
where Caddy's other commands look: --address says where it is, or else the
config of --config; otherwise it is localhost:2019, or what the environment
variable CADDY_ADMIN says. A pool is named by --pool, if there are several, and
a backend by its id or its address.

Results go to standard output, as JSON with --json, and messages to standard
error. The exit code says how it went:

  0    done
  1    wrong usage, or 'run' could not start
  4    refused, or no such pool or backend: nothing has changed
  5    no answer from the admin endpoint
  6    the admin endpoint has failed: see its log
  7    what was waited for, such as the end of a drain, has not come
  8    requests have failed ('try')
  130  interrupted`

const example = `  $ caddy load-balance run --listen :8080 --backend 127.0.0.1:9001 --backend 127.0.0.1:9002
  $ caddy load-balance status
  $ caddy load-balance add 127.0.0.1:9003
  $ caddy load-balance drain 127.0.0.1:9001 --deadline 30s --then remove`

// setUp makes the command what it is.
func setUp(cmd *cobra.Command) {
	cmd.Use = "load-balance"
	cmd.DisableFlagsInUseLine = true
	cmd.Example = example
	// a word that is no command is a mistake, not a reason to show help
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		cmd.SuggestionsMinimumDistance = 2
		text := fmt.Sprintf("unknown command %q for %q", args[0], cmd.CommandPath())
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			text += "; did you mean " + strings.Join(near, " or ") + "?"
		}
		return fmt.Errorf("%s", text)
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(
		runCommand(),
		statusCommand(),
		addCommand(),
		removeCommand(),
		drainCommand(),
		readyCommand(),
		maintenanceCommand(),
		weightCommand(),
		tryCommand(),
		explainCommand(),
		eventsCommand(),
	)
}
