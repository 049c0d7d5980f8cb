package proxy

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// copyBufferSize is the size of the buffers that bodies are copied with.
const copyBufferSize = 32 << 10

var copyBuffers = sync.Pool{New: func() any { return new([copyBufferSize]byte) }}

// copyBody copies the body to the client.
func (a *attempt) copyBody(body io.Reader, interval time.Duration) error {
	if own, ok := body.(*http1Body); ok {
		return (*http1Exchange)(own).copyBody(interval)
	}
	buf := copyBuffers.Get().(*[copyBufferSize]byte)
	defer copyBuffers.Put(buf)
	w := newFlushWriter(a.w, interval)
	defer w.stop()
	for total := int64(0); ; {
		n, rerr := body.Read(buf[:])
		total += int64(n)
		a.releaseIfRead(total, rerr)
		if n > 0 {
			if err := a.sendToClient(n, func() error { return w.write(buf[:n]) }); err != nil {
				return err
			}
		}
		if rerr == io.EOF {
			return nil
		}
		if rerr != nil {
			return fmt.Errorf("reading response: %w", rerr)
		}
	}
}
