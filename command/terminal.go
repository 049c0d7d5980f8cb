package command

import (
	"io"
	"os"

	"golang.org/x/term"
)

// defaultWidth is how many columns there are where nothing says how many.
const (
	defaultWidth = 100
	minWidth     = 60
)

// colour is the parameter of the escape sequence that sets it (ECMA-48, SGR).
type colour string

const (
	plain  colour = ""
	bold   colour = "1"
	faint  colour = "2"
	red    colour = "31"
	green  colour = "32"
	yellow colour = "33"
)

// palette is whether there are colours.
type palette bool

func (p palette) paint(text string, c colour) string {
	if !p || c == plain || text == "" {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

// screen is what a command writes its results to.
type screen struct {
	w             io.Writer
	terminal      bool
	colours       palette
	width, height int // height is 0 if there is no limit
}

// newScreen finds out what w is. Colours are only for terminals, and not for
// those who want none (https://no-color.org).
func newScreen(w io.Writer) screen {
	s := screen{w: w, width: defaultWidth}
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return s
	}
	s.terminal = true
	s.colours = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	if width, height, err := term.GetSize(int(file.Fd())); err == nil && width > 0 {
		s.width, s.height = max(width, minWidth), height
	}
	return s
}
