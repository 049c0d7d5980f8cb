package command

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// statusOptions are the flags of `status`.
type statusOptions struct {
	target
	watch    bool
	interval time.Duration
}

func statusCommand() *cobra.Command {
	var o statusOptions
	cmd := &cobra.Command{
		Use:   "status [--watch [--interval <duration>]]",
		Short: "Shows pools and their backends",
		Long: `
Shows each pool with its backends: their state and, if they do not take
requests like the others, the reason; their weight; how many requests they have
in flight, of how many that they may have; all requests and failures; the usual
time until they answer; and how long ago their health was checked.

Without --pool, all pools are shown. --json prints what the admin API answers:
GET /load_balance/pools/{pool}, and without --pool GET /load_balance/status.

--watch shows it again and again, until Ctrl-C; with --json, each time on a line
of its own.`,
		Example: `  $ caddy load-balance status
  $ caddy load-balance status --pool web --watch --interval 1s
  $ caddy load-balance status --json | jq '.pools[].backends[] | select(.accepting | not) | .id'`,
		Args: cobra.NoArgs,
	}
	o.bind(cmd)
	cmd.Flags().BoolVarP(&o.watch, "watch", "w", false, "Show it again and again, until Ctrl-C")
	cmd.Flags().DurationVarP(&o.interval, "interval", "i", 2*time.Second, "Time between two views, with --watch")
	cmd.RunE = action(func(cmd *cobra.Command, _ []string) error { return o.run(cmd) })
	return cmd
}

func (o *statusOptions) run(cmd *cobra.Command) error {
	if o.interval < 100*time.Millisecond {
		return errors.New("--interval must be at least 100ms")
	}
	c, err := o.open()
	if err != nil {
		return err
	}
	defer c.close()
	s := newScreen(cmd.OutOrStdout())
	if o.watch {
		return o.follow(cmd.Context(), c, s)
	}
	text, err := o.view(cmd.Context(), c, s)
	if err != nil {
		return err
	}
	_, err = s.w.Write([]byte(text))
	return err
}

// view returns the status as it is to be printed.
func (o *statusOptions) view(ctx context.Context, c *client, s screen) (string, error) {
	uri := path("status")
	if o.pool != "" {
		uri = path("pools", o.pool)
	}
	answer, err := c.call(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return "", err
	}
	if o.json {
		return oneLine(answer), nil
	}
	var status statusAnswer
	if o.pool != "" {
		status.Pools = make([]poolAnswer, 1)
		err = c.decode(answer, &status.Pools[0])
	} else {
		err = c.decode(answer, &status)
	}
	if err != nil {
		return "", err
	}
	var b strings.Builder
	writeStatus(&b, status.Pools, s, time.Now())
	return b.String(), nil
}

// oneLine returns a JSON document on one line, as it is otherwise.
func oneLine(document []byte) string {
	var raw json.RawMessage
	if json.Unmarshal(document, &raw) != nil {
		return string(document)
	}
	return strings.TrimSpace(string(raw)) + "\n"
}
