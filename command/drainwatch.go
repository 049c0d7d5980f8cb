package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

// restartTime is how long the admin endpoint may be away while a drain goes on:
// Caddy may be restarted, and the drain goes on with it.
const restartTime = 15 * time.Second

// drainWatch looks at a drain that has begun.
type drainWatch struct {
	c              *client
	pool, id, then string
	began          time.Time
	left           string // what the drain waited for when it was last looked at
	atDeadline     string // the same, of when its deadline had not yet come
}

// drainStep is what a look at a drain has seen.
type drainStep struct {
	answer []byte // of the API; nil if there is no such backend any more
	left   string // what it waits for; "" if it is over
	over   string // how it has ended; "" if it has not
}

// follow shows how a drain goes on until it has ended.
func (o *drainOptions) follow(ctx context.Context, cmd *cobra.Command, w *drainWatch) error {
	p := newProgress(cmd.ErrOrStderr())
	defer p.end()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	printed := ""
	for answered := time.Now(); ; {
		step, err := w.look(ctx)
		switch {
		case ctx.Err() != nil:
			return o.gaveUp(ctx, w)
		case err == nil:
			answered = time.Now()
		case isUnreachable(err) && time.Since(answered) < restartTime:
			step = drainStep{left: err.Error()}
		default:
			return err
		}
		if now := withoutDurations(step.left) + step.over; o.json && step.answer != nil && now != printed {
			printed = now
			if _, err := io.WriteString(cmd.OutOrStdout(), oneLine(step.answer)); err != nil {
				return err
			}
		}
		if step.over != "" {
			p.end()
			return o.finish(cmd, w, step)
		}
		if w.left = step.left; time.Since(w.began) < o.deadline {
			w.atDeadline = w.left
		}
		p.show(fmt.Sprintf("draining %s: waits for %s", w.id, w.left))
		select {
		case <-ctx.Done():
			return o.gaveUp(ctx, w)
		case <-tick.C:
		}
	}
}

// gaveUp says why a drain is not waited for any more.
func (o *drainOptions) gaveUp(ctx context.Context, w *drainWatch) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return exitf(exitUnfinished, "the drain of %s is not over after %s, and goes on: it waits for %s", w.id, o.timeout, w.left)
	}
	return exitf(exitInterrupted, "interrupted; the drain of %s goes on", w.id)
}

// finish says how the drain has ended.
func (o *drainOptions) finish(cmd *cobra.Command, w *drainWatch, step drainStep) error {
	if o.json {
		if step.answer != nil {
			return nil
		}
		return printJSON(cmd, removal{w.pool, w.id, true})
	}
	took := time.Since(w.began)
	text := fmt.Sprintf("%s of pool %s %s after %s", w.id, w.pool, step.over, milliseconds(float64(took.Microseconds())/1000))
	if o.deadline > 0 && took >= o.deadline && w.atDeadline != "" {
		text += ", at its deadline; it waited for " + w.atDeadline
	}
	_, err := fmt.Fprintln(cmd.OutOrStdout(), printable(text))
	return err
}

// look asks how far the drain has come. It is an error if it has ended in
// another way than was wanted.
func (w *drainWatch) look(ctx context.Context) (drainStep, error) {
	answer, err := w.c.call(ctx, http.MethodGet, backendPath(w.pool, w.id), nil)
	if e, ok := errors.AsType[*apiError](err); ok && e.Code == codeUnknownBackend {
		if w.then != thenRemove {
			return drainStep{}, exitf(exitUnfinished, "%s is gone: somebody has removed it", w.id)
		}
		return drainStep{over: "was removed"}, nil
	}
	if err != nil {
		return drainStep{}, err
	}
	var b backendAnswer
	if err := w.c.decode(answer, &b); err != nil {
		return drainStep{}, err
	}
	step := drainStep{answer: answer}
	switch {
	case b.AdminState == thenMaintenance && w.then == thenMaintenance:
		step.over = "is in maintenance"
	case b.Drain == nil:
		return step, exitf(exitUnfinished, "%s is %s: somebody has cancelled the drain", w.id, b.AdminState)
	case b.Drain.Done:
		step.over = "has drained"
	default:
		step.left = b.Drain.WaitingFor
	}
	return step, nil
}
