package proxy

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"sync/atomic"
)

const (
	// aheadLimit is how much of a body is read while its request waits. One
	// that is known to be longer is left alone: it would not come to its end.
	aheadLimit = 64 << 10
	// aheadTotal is how much memory all requests may have for that.
	aheadTotal = 64 << 20
)

// aheadInUse is how much of aheadTotal is taken.
var aheadInUse atomic.Int64

// bodyAhead is what reads a body while its request waits for a backend. Only
// once a body was read to its end does net/http's HTTP/1 server look at the
// connection, and sees that the client leaves. Besides, a backend's slot is not
// held for the time that a body takes to come in.
//
// A read of the client's connection cannot be ended without the connection
// being lost. So one that goes on when the wait is over goes on still, and the
// attempt waits for what it brings.
type bodyAhead struct {
	moved   sync.Cond     // something has come, or an attempt is over; its lock is the body's
	running bool          // a read goes on, or is about to begin
	paused  bool          // no further one begins
	failed  func()        // is called when the body turns out to be bad; nil: no longer
	stalled func()        // is called when there is no room for more; nil: no longer
	ended   chan struct{} // is closed when running no longer
	held    int64         // of aheadTotal
}

// readAhead begins to read the body, if it may come to its end, until it is
// paused. It calls failed if something is wrong with it, and stalled if it cannot
// go on.
func (b *clientBody) readAhead(failed, stalled func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.whollyRead(): // the server looks at the connection
		return
	case !b.worthReadingAhead():
		stalled()
		return
	case b.ahead == nil:
		b.ahead = new(bodyAhead)
		b.ahead.moved.L = &b.mu
	}
	a := b.ahead
	a.paused, a.failed, a.stalled = false, failed, stalled
	if a.running {
		return
	}
	a.running, a.ended = true, make(chan struct{})
	go b.runAhead(a.ended)
}

// worthReadingAhead reports whether the body may be read to its end. None is
// asked for of a client that waits to be asked: whether it is wanted is the
// backend's to say.
func (b *clientBody) worthReadingAhead() bool {
	switch {
	case len(b.client.Header["Expect"]) > 0, b.client.ContentLength > aheadLimit:
		return false
	case b.taken, b.cut, b.detached, b.err != nil:
		return false
	}
	return len(b.prefix) == 0 || b.ahead != nil // or it was buffered, and is too long
}

// pauseAhead has no more read than what is being read now.
func (b *clientBody) pauseAhead() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if a := b.ahead; a != nil {
		a.paused, a.failed, a.stalled = true, nil, nil
	}
}

func (b *clientBody) runAhead(ended chan struct{}) {
	defer close(ended)
	for {
		space := b.aheadSpace()
		if space == nil {
			return
		}
		n, err := b.read(nil, space)
		b.cameAhead(n, err)
	}
}

// aheadSpace returns where to read to, nil if nothing more is to be read.
func (b *clientBody) aheadSpace() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.ahead
	done := a.paused || b.whole || b.err != nil || b.detached
	if !done && (len(b.prefix) < cap(b.prefix) || b.growAhead()) {
		return b.prefix[len(b.prefix):cap(b.prefix)]
	}
	if !done && a.stalled != nil {
		a.stalled()
	}
	a.running = false
	a.moved.Broadcast()
	return nil
}

// growAhead makes room for more, and reports whether it could.
func (b *clientBody) growAhead() bool {
	const most = aheadLimit + 1 // with which the end is seen
	if len(b.prefix) >= most {
		return false
	}
	room := roomFor(b.prefix, b.client.ContentLength, most)
	more := int64(room - cap(b.prefix))
	if aheadInUse.Add(more) > aheadTotal {
		aheadInUse.Add(-more)
		return false
	}
	b.ahead.held += more
	b.prefix = append(make([]byte, 0, room), b.prefix...)
	return true
}

// cameAhead takes note of what a read has brought.
func (b *clientBody) cameAhead(n int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.prefix = b.prefix[:len(b.prefix)+n]
	b.whole = errors.Is(err, io.EOF)
	if b.err != nil && b.ahead.failed != nil {
		b.ahead.failed()
	}
	b.ahead.moved.Broadcast()
}

// endAhead ends reading ahead, with the body's lock held. It returns what to
// wait for without it, nil if there is nothing; a read that waits for the client
// is to be ended before.
func (b *clientBody) endAhead() (ended chan struct{}) {
	a := b.ahead
	if a == nil {
		return nil
	}
	a.paused = true
	aheadInUse.Add(-a.held)
	a.held = 0
	a.moved.Broadcast()
	if a.running {
		return a.ended
	}
	return nil
}

// returnAhead gives back what was read ahead and went to no backend: handlers
// that deal with errors may send the request elsewhere.
func (b *clientBody) returnAhead() {
	if b.ahead == nil || b.taken || b.cut {
		return
	}
	var all io.Reader = bytes.NewReader(b.prefix)
	if !b.whole {
		all = io.MultiReader(all, b.src)
	}
	b.client.Body = struct {
		io.Reader
		io.Closer
	}{all, b.src}
}
