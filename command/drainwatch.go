package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// drainWatch looks at a drain that has begun.
type drainWatch struct {
	c        *client
	pool, id string
	began    time.Time
}

// drainStep is what a look at a drain has seen.
type drainStep struct {
	answer  []byte // of the API; nil if there is no such backend any more
	backend backendAnswer
	over    string // how it has ended; "" if it has not
	err     error  // it has ended in another way than was wanted
}

// follow shows how a drain goes on until it has ended.
func (o *drainOptions) follow(ctx context.Context, cmd *cobra.Command, w *drainWatch, answer []byte) error {
	p := &progress{w: cmd.ErrOrStderr(), terminal: newScreen(cmd.ErrOrStderr()).terminal}
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	printed := ""
	for {
		step, err := w.step(answer, o.then)
		if err != nil {
			return err
		}
		if o.json && step.answer != nil && left(&step.backend) != printed {
			printed = left(&step.backend)
			if _, err := io.WriteString(cmd.OutOrStdout(), oneLine(step.answer)); err != nil {
				return err
			}
		}
		if step.over != "" || step.err != nil {
			p.end()
			return o.finish(cmd, w, step)
		}
		p.show(fmt.Sprintf("draining %s: %s", w.id, left(&step.backend)))
		select {
		case <-ctx.Done():
			p.end()
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return exitf(exitUnfinished, "the drain of %s is not over after %s, and goes on: %s", w.id, o.timeout, left(&step.backend))
			}
			return exitf(exitInterrupted, "interrupted; the drain of %s goes on", w.id)
		case <-tick.C:
		}
		if answer, err = w.look(ctx); err != nil && ctx.Err() == nil {
			p.end()
			return err
		}
	}
}

// finish says how the drain has ended.
func (o *drainOptions) finish(cmd *cobra.Command, w *drainWatch, step drainStep) error {
	if step.err != nil {
		return step.err
	}
	if o.json {
		if step.answer != nil {
			return nil
		}
		return printJSON(cmd, removal{w.pool, w.id, true})
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s of pool %s %s after %s\n", w.id, w.pool, step.over, milliseconds(float64(time.Since(w.began).Microseconds())/1000))
	return err
}

// look returns the API's answer for the backend, nil if there is none.
func (w *drainWatch) look(ctx context.Context) ([]byte, error) {
	answer, err := w.c.call(ctx, http.MethodGet, backendPath(w.pool, w.id), nil)
	if e, ok := errors.AsType[*apiError](err); ok && e.Code == codeUnknownBackend {
		return nil, nil
	}
	return answer, err
}

// step judges an answer.
func (w *drainWatch) step(answer []byte, then string) (drainStep, error) {
	s := drainStep{answer: answer}
	if answer == nil {
		s.over = "was removed"
		return s, nil
	}
	if err := w.c.decode(answer, &s.backend); err != nil {
		return s, err
	}
	b := &s.backend
	switch {
	case b.AdminState == "maintenance":
		s.over = "is in maintenance"
		if then != "maintenance" {
			s.over, s.err = "", exitf(exitUnfinished, "%s is in maintenance: somebody has changed it", w.id)
		}
	case b.AdminState != "drain":
		s.err = exitf(exitUnfinished, "%s is %s: somebody has cancelled the drain", w.id, b.AdminState)
	case then == "" && b.InFlight == 0 && b.Tunnels == 0:
		s.over = "has drained"
	}
	return s, nil
}

// left says what a drain waits for.
func left(b *backendAnswer) string {
	parts := []string{plural(b.InFlight, "request")}
	if b.Tunnels > 0 {
		parts = append(parts, plural(b.Tunnels, "tunnel"))
	}
	return strings.Join(parts, ", ") + " in flight"
}

// progress is a line that changes, and on what is no terminal a line for each
// change.
type progress struct {
	w        io.Writer
	terminal bool
	shown    string
}

func (p *progress) show(line string) {
	if line = printable(line); line == p.shown {
		return
	}
	p.shown = line
	if p.terminal {
		fmt.Fprint(p.w, "\r"+line+clearLine)
		return
	}
	fmt.Fprintln(p.w, line)
}

func (p *progress) end() {
	if p.terminal && p.shown != "" {
		fmt.Fprint(p.w, "\r"+clearLine)
	}
}
