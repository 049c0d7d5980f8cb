package proxy

import (
	"io"
	"sync"
	"time"
)

// tunnel copies bytes between a client and a backend.
type tunnel struct {
	client, backend io.ReadWriteCloser
	bufferSize      int
	webSocket       bool

	toClient, toBackend direction
}

// direction is one of the two ways through a tunnel.
type direction struct {
	mu      sync.Mutex // held while writing
	frames  frameScanner
	goodbye []byte // to be written when the frame that has begun ends; nil: nothing
	closed  bool   // what comes is read, but goes nowhere any more

	silent chan struct{} // closed when the source has said all that it has to say
	once   sync.Once
}

// run copies in both directions until both have ended, or one has failed, or
// something outside ends the tunnel. It closes both sides.
func (t *tunnel) run(ends *tunnelEnds) error {
	result := make(chan error, 2)
	var copying sync.WaitGroup
	t.toBackend.silent, t.toClient.silent = make(chan struct{}), make(chan struct{})
	copying.Go(func() { result <- t.copy(t.backend, t.client, &t.toBackend) })
	copying.Go(func() { result <- t.copy(t.client, t.backend, &t.toClient) })
	err := ends.wait(result)
	if polite(err) {
		t.sayGoodbye(&copying)
	}
	_ = t.client.Close()
	_ = t.backend.Close()
	if s, ok := t.client.(*streamConn); ok {
		// the stream ends with the handler, which must not return while
		// something may still be written to it
		timer := time.AfterFunc(goodbyeTime, s.interrupt)
		defer timer.Stop()
	}
	copying.Wait()
	return err
}

// copy copies one direction. The end of the source becomes the end of the
// destination's input; the other direction goes on, unless the destination
// cannot be told in this way.
func (t *tunnel) copy(dst io.Writer, src io.Reader, d *direction) error {
	defer d.fallSilent()
	buf := make([]byte, t.bufferSize)
	for {
		n, rerr := src.Read(buf)
		if n > 0 {
			if err := d.write(dst, buf[:n], t.webSocket); err != nil {
				return err
			}
		}
		if rerr == io.EOF {
			if err := closeWrite(dst); err != nil {
				return io.EOF
			}
			return nil
		}
		if rerr != nil {
			return rerr
		}
	}
}

func (d *direction) write(dst io.Writer, b []byte, webSocket bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.closed:
		d.drop(b, webSocket)
		return nil
	case d.goodbye != nil:
		return d.writeLast(dst, b)
	case webSocket:
		d.frames.scan(b)
	}
	_, err := dst.Write(b)
	return err
}
