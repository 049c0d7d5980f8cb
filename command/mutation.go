package command

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// mutation has the flags of commands that change something.
type mutation struct {
	target
	force, dryRun bool
	sync          time.Duration
}

func (m *mutation) bind(cmd *cobra.Command) {
	m.target.bind(cmd)
	cmd.Flags().BoolVarP(&m.force, "force", "f", false, "Do it even if no backend of the pool would accept requests then")
	cmd.Flags().BoolVar(&m.dryRun, "dry-run", false, "Say what would happen, and change nothing")
	cmd.Flags().DurationVar(&m.sync, "sync", 0, "Wait until all instances on the same storage have it, for as long as this")
}

// query returns the query of the request, with a question mark if there is one.
func (m *mutation) query() string {
	q := make(url.Values)
	if m.force {
		q.Set("force", "true")
	}
	if m.dryRun {
		q.Set("dry_run", "true")
	}
	if len(q) == 0 {
		return ""
	}
	return "?" + q.Encode()
}

// patch changes a backend and returns the API's answer.
func (m *mutation) patch(ctx context.Context, c *client, pool, id string, fields map[string]any) ([]byte, error) {
	return c.call(ctx, http.MethodPatch, backendPath(pool, id)+m.query(), fields)
}

// tell prints what was done, or in a dry run what would be. answer is that of
// the API, which --json prints as it is.
func (m *mutation) tell(cmd *cobra.Command, answer []byte, format string, args ...any) error {
	var text string
	switch {
	case m.json:
		text = oneLine(answer)
	case m.dryRun:
		r, err := parseRehearsal(answer)
		if err != nil {
			return err
		}
		text = r.text()
	default:
		text = printable(fmt.Sprintf(format, args...)) + "\n"
	}
	_, err := cmd.OutOrStdout().Write([]byte(text))
	return err
}

// awaitInstances waits until all instances that share the storage have what was
// changed, if that is wanted.
func (m *mutation) awaitInstances(ctx context.Context, cmd *cobra.Command, c *client, pool string) error {
	if m.sync == 0 || m.dryRun {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, m.sync+callTimeout)
	defer cancel()
	answer, err := c.callLong(ctx, http.MethodGet, path("pools", pool)+"?wait="+url.QueryEscape(m.sync.String()), nil)
	if err != nil {
		return err
	}
	var p poolAnswer
	if err := c.decode(answer, &p); err != nil {
		return err
	}
	if behind := p.behind(time.Now()); len(behind) > 0 {
		return exitf(exitUnfinished, "it is done, but after %s not all of %d instances have it: behind are %s", m.sync, len(p.Instances), strings.Join(behind, ", "))
	}
	if len(p.Instances) > 1 {
		fmt.Fprintf(cmd.ErrOrStderr(), "all %d instances have it\n", len(p.Instances))
	}
	return nil
}

// standing says whether a backend takes requests, and why not.
func standing(b *backendAnswer) string {
	switch {
	case b.Accepting && b.Reason == "":
		return b.State + ", accepting"
	case b.Accepting:
		return b.State + ", accepting: " + b.Reason
	case b.Reason == "":
		return b.State + ", not accepting"
	}
	return "not accepting: " + b.Reason
}
