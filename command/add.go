package command

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// addOptions are the flags of `add`.
type addOptions struct {
	mutation
	id                            string
	weight, priority, maxRequests int
	labels                        []string
	wait                          time.Duration
}

func addCommand() *cobra.Command {
	var o addOptions
	cmd := &cobra.Command{
		Use:   "add <address...> [--id <id>] [--weight <n>] [--priority <n>] [--max-requests <n>] [--label <key=value>] [--wait <duration>]",
		Short: "Adds backends to a pool",
		Long: `
Adds backends to a pool of the running load balancer. A backend takes requests
once its first health check has passed; the check begins at once, and --wait
waits until it has.

Addresses are those of the config: host:port, http://, https:// and h2c:// URLs,
unix//path, and ranges of ports. Several are added one after the other, until one
is refused. --json prints each as the admin API answers, on a line of its own.`,
		Example: `  $ caddy load-balance add 127.0.0.1:9003
  $ caddy load-balance add 10.0.0.3:80 --id web3 --weight 2 --label zone=a --wait 10s
  $ caddy load-balance add 10.0.0.4:8000-8003 --priority 1`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	o.bind(cmd)
	f := cmd.Flags()
	f.StringVar(&o.id, "id", "", "Id of the backend (default: its address)")
	f.IntVar(&o.weight, "weight", config.DefaultWeight, "Share of the load in relation to others")
	f.IntVar(&o.priority, "priority", 0, "Tier: it serves when no backend of a lower one accepts")
	f.IntVar(&o.maxRequests, "max-requests", 0, "How many requests it may have in flight (0: any number)")
	f.StringArrayVarP(&o.labels, "label", "l", nil, "Label, as key=value; may be repeated")
	f.DurationVar(&o.wait, "wait", 0, "Wait until it takes requests, for as long as this")
	cmd.RunE = action(o.run)
	return cmd
}

func (o *addOptions) run(cmd *cobra.Command, args []string) error {
	backends, err := o.backends(args)
	if err != nil {
		return err
	}
	ctx, stop := interruptible(cmd.Context())
	defer stop()
	c, pool, err := o.connect(ctx)
	if err != nil {
		return err
	}
	defer c.close()
	for _, fields := range backends {
		answer, err := c.call(ctx, http.MethodPost, path("pools", pool, "backends")+o.query(), fields)
		if err != nil {
			return err
		}
		var b backendAnswer
		if err := c.decode(answer, &b); err != nil {
			return err
		}
		if err := o.tell(cmd, answer, "added %s to pool %s: %s", b.ID, pool, standing(&b)); err != nil {
			return err
		}
		if o.wait > 0 && !o.dryRun && !b.Accepting {
			if err := c.waitAccepting(ctx, cmd, pool, b.ID, o.wait); err != nil {
				return err
			}
		}
	}
	return o.awaitInstances(ctx, cmd, c, pool)
}

// backends returns the bodies of the requests.
func (o *addOptions) backends(args []string) ([]map[string]any, error) {
	labels, err := parseLabels(o.labels)
	if err != nil {
		return nil, err
	}
	var list []map[string]any
	for _, arg := range args {
		addrs, err := config.ParseAddresses(arg)
		if err != nil {
			return nil, err
		}
		for _, addr := range addrs {
			b := map[string]any{"address": addr.String(), "weight": o.weight, "priority": o.priority, "max_requests": o.maxRequests}
			if o.id != "" {
				b["id"] = o.id
			}
			if len(labels) > 0 {
				b["labels"] = labels
			}
			list = append(list, b)
		}
	}
	if o.id != "" && len(list) > 1 {
		return nil, errors.New("--id is for a single backend")
	}
	return list, nil
}

func parseLabels(list []string) (map[string]string, error) {
	labels := make(map[string]string, len(list))
	for _, text := range list {
		key, value, ok := strings.Cut(text, "=")
		if !ok || key == "" {
			return nil, fmt.Errorf("--label %q is not a key and a value, as in zone=a", text)
		}
		if _, twice := labels[key]; twice {
			return nil, fmt.Errorf("--label %q comes twice", key)
		}
		labels[key] = value
	}
	return labels, nil
}
