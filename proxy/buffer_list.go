package proxy

import (
	"sync"
	"time"
)

// trimInterval is how long a buffer is kept that nobody needs.
const trimInterval = 10 * time.Second

// bufferList has the large buffers. A sync.Pool would lose them when garbage is
// collected, which is many times in a second where requests leave little else
// behind, and those made in their place would bring on the next collection.
type bufferList struct {
	mu    sync.Mutex
	free  []*[http1BufferSize]byte // the one used last at the end
	inUse int
	spare int         // how many of free nobody has needed since the last trim
	timer *time.Timer // of the next trim; nil: there is nothing to trim
}

// take returns a buffer, nil if as many are in use as there may be.
func (l *bufferList) take() *[http1BufferSize]byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.inUse == http1MaxBuffers {
		return nil
	}
	l.inUse++
	n := len(l.free)
	if n == 0 {
		return new([http1BufferSize]byte)
	}
	b := l.free[n-1]
	l.free[n-1] = nil
	l.free = l.free[:n-1]
	l.spare = min(l.spare, n-1)
	return b
}

// give takes a buffer back.
func (l *bufferList) give(b *[http1BufferSize]byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inUse--
	l.free = append(l.free, b)
	if l.timer == nil {
		l.spare = 0
		l.timer = time.AfterFunc(trimInterval, l.trim)
	}
}

// trim drops the buffers that nobody has needed for a while.
func (l *bufferList) trim() {
	l.mu.Lock()
	defer l.mu.Unlock()
	kept := copy(l.free, l.free[l.spare:])
	clear(l.free[kept:])
	l.free = l.free[:kept]
	l.spare = kept
	if l.timer = nil; kept > 0 {
		l.timer = time.AfterFunc(trimInterval, l.trim)
	}
}
