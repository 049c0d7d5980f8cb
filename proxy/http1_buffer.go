package proxy

import "sync"

const (
	// http1BufferSize is the size of the buffers that responses pass through.
	// With larger pieces there are not only fewer system calls: every read lets
	// the backend send more, and that work is done on the reader's account.
	http1BufferSize = 256 << 10
	// http1MaxBuffers is how many of them there may be, 64 MiB in all. They are
	// held only while something is passed on, so that it takes many slow
	// clients to need more; all further ones have small buffers.
	http1MaxBuffers = 256
	// http1SmallSize is the size of small buffers.
	http1SmallSize = 32 << 10
	// http1HeadSize is the size of those that heads of requests are made in. It
	// is enough for most.
	http1HeadSize = 4 << 10
	// http1UploadSize is the size of those for bodies of requests.
	http1UploadSize = 32 << 10
)

var (
	http1Buffers bufferList
	http1Smalls  = sync.Pool{New: func() any { return new([http1SmallSize]byte) }}
	http1Uploads = sync.Pool{New: func() any { return new([http1UploadSize]byte) }}
	http1Heads   = sync.Pool{New: func() any {
		b := make([]byte, 0, http1HeadSize)
		return &b
	}}
)

// releaseHead gives the memory of a head back, unless it has grown.
func releaseHead(b *[]byte) {
	if cap(*b) == http1HeadSize {
		*b = (*b)[:0]
		http1Heads.Put(b)
	}
}

// http1Buffer holds what was received and not taken yet. It has memory only
// while there is something in it, or about to be: what waits for a backend has
// none.
type http1Buffer struct {
	large *[http1BufferSize]byte // what buf is, or
	small *[http1SmallSize]byte  // this, or neither if that has grown
	buf   []byte                 // nil: no memory
	r, w  int                    // buf[r:w] is not taken yet
}

// open gets memory if there is none.
func (b *http1Buffer) open() {
	if b.buf != nil {
		return
	}
	b.r, b.w = 0, 0
	if b.large = http1Buffers.take(); b.large != nil {
		b.buf = b.large[:]
		return
	}
	b.small = http1Smalls.Get().(*[http1SmallSize]byte)
	b.buf = b.small[:]
}

// release gives the memory back.
func (b *http1Buffer) release() {
	switch {
	case b.large != nil:
		http1Buffers.give(b.large)
	case b.small != nil:
		http1Smalls.Put(b.small)
	}
	*b = http1Buffer{}
}

// makeRoom moves what is in the buffer to the beginning of one that has room for
// more.
func (b *http1Buffer) makeRoom() {
	if b.r > 0 {
		b.w = copy(b.buf, b.buf[b.r:b.w])
		b.r = 0
		return
	}
	grown := http1Buffer{buf: make([]byte, 2*len(b.buf))}
	grown.w = copy(grown.buf, b.buf[:b.w])
	b.release()
	*b = grown
}
