package process

import (
	"bytes"
	"strings"
	"sync"
)

const (
	maxTail   = 1 << 16
	maxStrays = 1 << 16
)

// log takes what Caddy writes. It keeps the end of it, and all lines that are
// not JSON, up to a limit: those are not Caddy's log.
type log struct {
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
	if line[0] != '{' && l.strays.Len() < maxStrays {
		l.strays.Write(line)
	}
	if l.kept = append(l.kept, line...); len(l.kept) > 2*maxTail {
		l.kept = append([]byte(nil), l.kept[len(l.kept)-maxTail:]...)
	}
}

func (l *log) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.kept[max(0, len(l.kept)-maxTail):]) + string(l.line)
}

func (l *log) strayLines() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.strays.String() + string(l.line)
}
