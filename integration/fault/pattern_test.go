package fault

import (
	"bytes"
	"fmt"
)

// pattern is the body that belongs to a request: its id, over and over.
type pattern struct {
	block  []byte // some repetitions
	period int
}

func patternOf(id uint64) pattern {
	unit := fmt.Appendf(nil, "%d.", id)
	return pattern{bytes.Repeat(unit, 1+4096/len(unit)), len(unit)}
}

// at returns bytes of the pattern from an offset on, as many as there are at
// hand but no more than most.
func (p pattern) at(offset, most int) []byte {
	b := p.block[offset%p.period:]
	return b[:min(len(b), most)]
}

// text returns the first size bytes.
func (p pattern) text(size int) []byte {
	b := make([]byte, 0, size)
	for len(b) < size {
		b = append(b, p.at(len(b), size-len(b))...)
	}
	return b
}

// patternCheck takes what should be a pattern. It remembers the first thing
// that is not.
type patternCheck struct {
	pattern
	offset int
	wrong  error
}

// Write implements io.Writer.
func (c *patternCheck) Write(b []byte) (int, error) {
	for rest := b; len(rest) > 0 && c.wrong == nil; {
		want := c.at(c.offset, len(rest))
		if got := rest[:len(want)]; !bytes.Equal(got, want) {
			c.wrong = fmt.Errorf("from byte %d on the body has %.60q, not %.60q", c.offset, got, want)
		}
		c.offset += len(want)
		rest = rest[len(want):]
	}
	return len(b), c.wrong
}
