package command

import (
	"fmt"
	"io"
	"regexp"
)

// progress is a line that changes, and on what is no terminal a line for each
// change.
type progress struct {
	screen
	shown string
}

func newProgress(w io.Writer) *progress { return &progress{screen: newScreen(w)} }

func (p *progress) show(line string) {
	line = printable(line)
	same := line
	if !p.terminal {
		same = withoutDurations(line) // or there would be a line for each second
	}
	if same == p.shown {
		return
	}
	p.shown = same
	if p.terminal {
		fmt.Fprint(p.w, "\r"+cut(line, p.width-1)+clearLine)
		return
	}
	fmt.Fprintln(p.w, line)
}

var duration = regexp.MustCompile(`\b(\d+(\.\d+)?(h|m|s|ms|µs))+\b`)

// withoutDurations returns the text without the times in it, which change even
// if nothing happens.
func withoutDurations(s string) string { return duration.ReplaceAllString(s, "") }

// end takes the line away again. Calling it again does nothing.
func (p *progress) end() {
	if p.terminal && p.shown != "" {
		fmt.Fprint(p.w, "\r"+clearLine)
	}
	p.shown = ""
}
