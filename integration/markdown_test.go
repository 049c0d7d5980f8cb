package integration

import (
	"fmt"
	"strings"
)

// codeBlock is a fenced block of a Markdown file.
type codeBlock struct {
	section string // the `## ` heading above, empty before the first one
	marker  string // the HTML comment on the line above, if any
	lang    string
	text    string
	line    int // of the opening fence
}

// parseMarkdown returns the fenced blocks of a file, in order.
func parseMarkdown(text string) ([]codeBlock, error) {
	var (
		blocks  []codeBlock
		section string
		before  string // the line above
		open    *codeBlock
	)
	for i, line := range strings.Split(text, "\n") {
		fence, isFence := strings.CutPrefix(line, "```")
		switch {
		case open == nil && isFence:
			marker := strings.TrimSuffix(strings.TrimPrefix(before, "<!-- "), " -->")
			if marker == before {
				marker = ""
			}
			open = &codeBlock{section: section, marker: marker, lang: fence, line: i + 1}
		case open != nil && isFence:
			blocks = append(blocks, *open)
			open = nil
		case open != nil:
			open.text += line + "\n"
		case strings.HasPrefix(line, "## "):
			section = line
		}
		before = line
	}
	if open != nil {
		return nil, fmt.Errorf("line %d: the block is not closed", open.line)
	}
	return blocks, nil
}
