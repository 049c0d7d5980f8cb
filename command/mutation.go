package command

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

// mutation has the flags of commands that change something.
type mutation struct {
	target
	force, dryRun bool
}

func (m *mutation) bind(cmd *cobra.Command) {
	m.target.bind(cmd)
	cmd.Flags().BoolVarP(&m.force, "force", "f", false, "Do it even if no backend of the pool would accept requests then")
	cmd.Flags().BoolVar(&m.dryRun, "dry-run", false, "Say what would happen, and change nothing")
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
