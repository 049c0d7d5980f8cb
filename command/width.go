package command

import (
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// runeWidth returns how many columns of a terminal the character takes.
func runeWidth(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// textWidth returns how many columns the text takes.
func textWidth(s string) (n int) {
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

// printable returns the text without anything that a terminal would take for a
// command: some of what is shown comes from backends.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == unicode.ReplacementChar {
			return '?'
		}
		return r
	}, s)
}

const ellipsis = "…"

// cut returns the text with its end cut off, so that it takes no more than the
// columns.
func cut(s string, columns int) string {
	if textWidth(s) <= columns {
		return s
	}
	return head(s, columns-1) + ellipsis
}

// shorten returns the text with its middle cut out: ids and addresses differ at
// their ends.
func shorten(s string, columns int) string {
	if textWidth(s) <= columns {
		return s
	}
	left := (columns - 1) / 2
	return head(s, left) + ellipsis + tail(s, columns-1-left)
}

// head returns as much of the beginning as fits.
func head(s string, columns int) string {
	for i, r := range s {
		if columns -= runeWidth(r); columns < 0 {
			return s[:i]
		}
	}
	return s
}

// tail returns as much of the end as fits.
func tail(s string, columns int) string {
	rest := textWidth(s)
	for i, r := range s {
		if rest <= columns && runeWidth(r) > 0 {
			return s[i:]
		}
		rest -= runeWidth(r)
	}
	return ""
}

// wrap returns the text on lines that take no more than the columns. A word that
// is longer is cut into several.
func wrap(s string, columns int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(s) {
		if line != "" && textWidth(line)+1+textWidth(word) <= columns {
			line += " " + word
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		for textWidth(word) > columns {
			part := head(word, columns)
			lines = append(lines, part)
			word = word[len(part):]
		}
		line = word
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// pad returns the text with spaces, so that it takes the columns.
func pad(s string, columns int, right bool) string {
	fill := strings.Repeat(" ", max(0, columns-textWidth(s)))
	if right {
		return fill + s
	}
	return s + fill
}
