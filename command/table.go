package command

import (
	"math"
	"strings"
)

const (
	tableGap    = "  "
	noteIndent  = "    "
	minFlexible = 8 // columns that are cut are no narrower
)

// column is one of a table.
type column struct {
	title    string
	right    bool // aligned
	flexible bool // its texts may be shortened
}

// cell is a text with a colour.
type cell struct {
	text   string
	colour colour
}

// row has a cell for each column, and lines that follow below.
type row struct {
	cells []cell
	notes []cell
}

// table is what is shown in columns.
type table struct {
	columns []column
	rows    []row
}

// write writes the table so that no line takes more than width columns, as far
// as the texts which must not be shortened allow.
func (t *table) write(b *strings.Builder, width int, p palette) {
	widths := t.widths(width)
	titles := make([]cell, len(t.columns))
	for i, c := range t.columns {
		titles[i] = cell{c.title, bold}
	}
	t.writeLine(b, titles, widths, p)
	for _, r := range t.rows {
		t.writeLine(b, r.cells, widths, p)
		for _, n := range r.notes {
			for _, line := range wrap(printable(n.text), width-len(noteIndent)) {
				b.WriteString(noteIndent + p.paint(line, n.colour) + "\n")
			}
		}
	}
}

func (t *table) writeLine(b *strings.Builder, cells []cell, widths []int, p palette) {
	var line strings.Builder
	blank := 0 // spaces that come only if something follows
	for i, c := range cells {
		text := printable(c.text)
		if t.columns[i].flexible {
			text = shorten(text, widths[i])
		}
		padded := pad(text, widths[i], t.columns[i].right)
		left := len(padded) - len(strings.TrimLeft(padded, " "))
		line.WriteString(strings.Repeat(" ", blank+left))
		text = strings.Trim(padded, " ")
		line.WriteString(p.paint(text, c.colour))
		blank = len(padded) - left - len(text) + len(tableGap)
	}
	b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
}

// tooWide reports whether something has to be shortened.
func (t *table) tooWide(limit int) bool {
	total := 0
	for _, w := range t.widths(math.MaxInt) {
		total += w + len(tableGap)
	}
	return total-len(tableGap) > limit
}

// widths returns how many columns of the terminal each column takes. The widest
// of the flexible ones give way first.
func (t *table) widths(limit int) []int {
	widths := make([]int, len(t.columns))
	total := len(tableGap) * (len(t.columns) - 1)
	for i, c := range t.columns {
		widths[i] = textWidth(c.title)
		for _, r := range t.rows {
			widths[i] = max(widths[i], textWidth(printable(r.cells[i].text)))
		}
		total += widths[i]
	}
	for ; total > limit; total-- {
		widest := -1
		for i, c := range t.columns {
			if c.flexible && widths[i] > max(minFlexible, textWidth(c.title)) && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		widths[widest]--
	}
	return widths
}
