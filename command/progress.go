package command

import (
	"fmt"
	"io"
)

// progress is a line that changes, and on what is no terminal a line for each
// change.
type progress struct {
	screen
	shown string
}

func newProgress(w io.Writer) *progress { return &progress{screen: newScreen(w)} }

func (p *progress) show(line string) {
	if line = printable(line); line == p.shown {
		return
	}
	p.shown = line
	if p.terminal {
		fmt.Fprint(p.w, "\r"+cut(line, p.width-1)+clearLine)
		return
	}
	fmt.Fprintln(p.w, line)
}

// end takes the line away again. Calling it again does nothing.
func (p *progress) end() {
	if p.terminal && p.shown != "" {
		fmt.Fprint(p.w, "\r"+clearLine)
	}
	p.shown = ""
}
