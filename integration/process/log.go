package process

import (
	"bytes"
	"regexp"
	"strings"
	"sync"
)

const (
	minKept   = 1 << 16
	maxStrays = 1 << 16
)

// consoleLine is how a line of Caddy's log begins that is for people, and one of
// certmagic's own log, to which its file storage writes.
var consoleLine = regexp.MustCompile(`^(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{3}|\d\.\d+e\+09)\t`)

// log takes what Caddy writes. It keeps the end of it, and all lines that are
// not Caddy's log, up to a limit.
type log struct {
	keep   int // how much there is of its end at least
	mu     sync.Mutex
	line   []byte // not complete yet
	kept   []byte
	strays strings.Builder
}

// Write implements io.Writer.
func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.line = append(l.line, p...)
	for {
		end := bytes.IndexByte(l.line, '\n')
		if end < 0 {
			return len(p), nil
		}
		l.take(l.line[:end+1])
		l.line = l.line[end+1:]
	}
}

func (l *log) take(line []byte) {
	if line[0] != '{' && !consoleLine.Match(line) && l.strays.Len() < maxStrays {
		l.strays.Write(line)
	}
	if l.kept = append(l.kept, line...); len(l.kept) > 2*l.keep {
		l.kept = append([]byte(nil), l.kept[len(l.kept)-l.keep:]...)
	}
}

func (l *log) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.kept[max(0, len(l.kept)-l.keep):]) + string(l.line)
}

func (l *log) strayLines() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.strays.String() + string(l.line)
}
