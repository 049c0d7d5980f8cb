package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// Escape sequences of terminals: the other screen, on which nothing stays that
// was there, and the cursor (xterm, DEC private modes 1049 and 25).
const (
	enterScreen = "\x1b[?1049h\x1b[?25l"
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	toTop       = "\x1b[H"
	clearLine   = "\x1b[K"
	clearBelow  = "\x1b[J"
)

// interruptible returns a context that ends with Ctrl-C.
func interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
}

// follow shows the status again and again, until it is interrupted. It does not
// give up when there is no answer, since a server may come back.
func (o *statusOptions) follow(ctx context.Context, c *client, s screen) error {
	ctx, stop := interruptible(ctx)
	defer stop()
	full := s.terminal && !o.json
	if full {
		if _, err := io.WriteString(s.w, enterScreen); err != nil {
			return err
		}
		// the terminal is as it was before, whatever happens
		defer func() { _, _ = io.WriteString(s.w, leaveScreen) }()
	}
	tick := time.NewTicker(o.interval)
	defer tick.Stop()
	for first := true; ; first = false {
		text, err := o.view(ctx, c, s)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			if first || !full && !isUnreachable(err) {
				return err
			}
			text = "Error: " + printable(err.Error()) + "\n"
		}
		if full {
			s = newScreen(s.w) // it may have another size now
			text = frame(text, s, o.interval, time.Now())
		}
		if err != nil && !full {
			text = "" // it would not be what is read there
		}
		if _, err := io.WriteString(s.w, text); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if !full && !o.json {
			_, _ = io.WriteString(s.w, "\n")
		}
	}
}

func isUnreachable(err error) bool {
	e, ok := errors.AsType[*exitError](err)
	return ok && e.code == exitUnreachable
}

// frame returns what makes the screen show the text, as far as there is room.
// Nothing is cleared before it is written over, so that nothing flickers.
func frame(text string, s screen, interval time.Duration, now time.Time) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if room := s.height - 2; s.height > 4 && len(lines) > room {
		left := len(lines) - room + 1
		lines = append(lines[:room-1], fmt.Sprintf("… %d more lines", left))
	}
	foot := fmt.Sprintf("%s, every %s; Ctrl-C ends it", now.Format(time.TimeOnly), interval)
	lines = append(lines, "", s.colours.paint(foot, faint))
	return toTop + strings.Join(lines, clearLine+"\r\n") + clearLine + clearBelow
}
