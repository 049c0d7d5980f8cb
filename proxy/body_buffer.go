package proxy

import (
	"errors"
	"io"
	"math"
)

// firstBuffer is how much memory the buffering of a body of unknown length
// begins with.
const firstBuffer = 4 << 10

// buffer reads up to limit bytes, -1 for all, so that a body that fits can be
// sent again. It reports whether it fits. The memory grows with what has come,
// whatever the client has announced, and never beyond the limit by more than
// the one byte that tells whether there is more.
func (b *clientBody) buffer(limit int64) (fits bool, err error) {
	most := int64(math.MaxInt - 1)
	if limit > 0 {
		most = min(limit, most)
	}
	most++
	for int64(len(b.prefix)) < most {
		if len(b.prefix) == cap(b.prefix) {
			b.prefix = append(make([]byte, 0, roomFor(b.prefix, b.client.ContentLength, most)), b.prefix...)
		}
		n, err := b.read(nil, b.prefix[len(b.prefix):cap(b.prefix)])
		b.prefix = b.prefix[:len(b.prefix)+n]
		if errors.Is(err, io.EOF) {
			b.whole = int64(len(b.prefix)) < most
			return b.whole, nil
		}
		if err != nil {
			return false, err
		}
	}
	return false, nil
}

// roomFor returns about twice the room that buf has, if what is announced needs
// it, but of most bytes at most.
func roomFor(buf []byte, announced, most int64) int {
	room := max(2*int64(cap(buf)), firstBuffer)
	if have := int64(len(buf)); announced >= have {
		room = min(room, announced+1) // with which the end is seen
	}
	return int(min(room, most))
}

type readerFunc func([]byte) (int, error)

// Read implements io.Reader.
func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
