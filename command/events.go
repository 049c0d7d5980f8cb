package command

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// maxEvent bounds a line of the stream.
const maxEvent = 1 << 20

// event is one of the stream.
type event struct {
	At      time.Time `json:"at"`
	Event   string    `json:"event"`
	Pool    string    `json:"pool"`
	Backend string    `json:"backend"`
	Reason  string    `json:"reason"`
	By      string    `json:"by"`
	Old     string    `json:"old"`
	New     string    `json:"new"`
}

func eventsCommand() *cobra.Command {
	var o target
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Shows what happens to backends, as it happens",
		Long: `
Shows each change of a backend's state or settings, in all pools or the one of
--pool, on a line of its own as it happens, until Ctrl-C. When the server's config
is replaced, or Caddy restarted, it connects again.

--json prints the events of the admin API's stream, GET /load_balance/events.`,
		Example: `  $ caddy load-balance events
  $ caddy load-balance events --json | jq 'select(.event == "backend_down")'`,
		Args: cobra.NoArgs,
	}
	o.bind(cmd)
	cmd.RunE = action(func(cmd *cobra.Command, _ []string) error { return followEvents(cmd, &o) })
	return cmd
}

// followEvents prints events until it is interrupted, or nobody has answered for
// some time.
func followEvents(cmd *cobra.Command, o *target) error {
	ctx, stop := interruptible(cmd.Context())
	defer stop()
	c, err := o.open()
	if err != nil {
		return err
	}
	defer c.close()
	var answered time.Time
	for {
		err := o.printEvents(ctx, c, cmd.OutOrStdout())
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			answered = time.Now()
		case !isUnreachable(err) || time.Since(answered) > restartTime:
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pollInterval):
		}
	}
}

// printEvents prints the events of one stream until it ends.
func (t *target) printEvents(ctx context.Context, c *client, w io.Writer) error {
	resp, err := c.send(ctx, http.MethodGet, path("events"), nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxEvent)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue // its number and name are in the data, too
		}
		var e event
		if err := c.decode([]byte(data), &e); err != nil {
			return err
		}
		if t.pool != "" && e.Pool != t.pool {
			continue
		}
		if !t.json {
			data = e.text()
		}
		if _, err := fmt.Fprintln(w, data); err != nil {
			return err
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return exitf(exitServer, "an event is longer than %d bytes", maxEvent)
	}
	return nil // a stream ends with the config
}

// text returns the event for people.
func (e *event) text() string {
	parts := []string{e.At.Local().Format(time.TimeOnly), strings.ReplaceAll(strings.TrimPrefix(e.Event, "backend_"), "_", " "), e.Pool, e.Backend}
	text := strings.Join(parts, "  ")
	var more []string
	if e.Reason != "" {
		more = append(more, e.Reason)
	}
	if e.Old != "" && e.New != "" {
		more = append(more, fmt.Sprintf("%s to %s", e.Old, e.New))
	}
	if e.By != "" {
		more = append(more, "by "+e.By)
	}
	if len(more) > 0 {
		text += ": " + strings.Join(more, ", ")
	}
	return printable(text)
}
