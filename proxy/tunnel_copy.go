package proxy

import (
	"errors"
	"io"
	"sync"
	"time"
)

// goodbyeTime is how long a closing WebSocket may take to take leave.
const goodbyeTime = time.Second

var (
	errTunnelTimeout = errors.New("stream_timeout is over")
	errPoolGone      = errors.New("pool is no longer in use")
	errClientGone    = errors.New("client has left")
)

// tunnelEnds are the reasons outside of a tunnel for it to end.
type tunnelEnds struct {
	poolGone   <-chan struct{}
	delay      time.Duration // from poolGone on
	timeout    time.Duration // 0: none
	clientGone <-chan struct{}
}

// tunnel copies bytes between a client and a backend.
type tunnel struct {
	client, backend io.ReadWriteCloser
	bufferSize      int
	webSocket       bool

	toClient, toBackend direction
}

// direction is one of the two ways through a tunnel.
type direction struct {
	mu     sync.Mutex // held while writing
	frames frameScanner
	closed bool // nothing is to be written any more
}

// run copies in both directions until both have ended, or one has failed, or
// something outside ends the tunnel. It closes both sides.
func (t *tunnel) run(ends tunnelEnds) error {
	result := make(chan error, 2)
	var copying sync.WaitGroup
	copying.Go(func() { result <- t.copy(t.backend, t.client, &t.toBackend) })
	copying.Go(func() { result <- t.copy(t.client, t.backend, &t.toClient) })
	err := t.wait(result, ends)
	if errors.Is(err, errPoolGone) && t.webSocket {
		_ = t.sayGoodbye(result)
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

func (t *tunnel) wait(result <-chan error, ends tunnelEnds) error {
	var timeout, delay <-chan time.Time
	if ends.timeout > 0 {
		timeout = time.After(ends.timeout)
	}
	gone := ends.poolGone
	for left := 2; left > 0; {
		select {
		case err := <-result:
			if err != nil {
				return err
			}
			left--
		case <-timeout:
			return errTunnelTimeout
		case <-gone:
			if ends.delay <= 0 {
				return errPoolGone
			}
			gone = nil
			delay = time.After(ends.delay)
		case <-delay:
			return errPoolGone
		case <-ends.clientGone:
			return errClientGone
		}
	}
	return nil
}

// copy copies one direction. The end of the source becomes the end of the
// destination's input; the other direction goes on, unless the destination
// cannot be told in this way.
func (t *tunnel) copy(dst io.Writer, src io.Reader, d *direction) error {
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
	if d.closed {
		return io.ErrClosedPipe
	}
	if webSocket {
		d.frames.scan(b)
	}
	_, err := dst.Write(b)
	return err
}

// sayGoodbye tells both ends of a WebSocket that this one is going away, where
// that does not end up inside of another message, and gives them a moment to
// close. It returns how the first direction has ended.
func (t *tunnel) sayGoodbye(result <-chan error) error {
	timer := time.AfterFunc(goodbyeTime, t.force)
	defer timer.Stop()
	var closing sync.WaitGroup
	closing.Go(func() { t.toClient.close(t.client, closeFrame(false)) })
	closing.Go(func() { t.toBackend.close(t.backend, closeFrame(true)) })
	closing.Wait()
	return <-result // at the latest when the timer fires
}

// force ends both sides, also where a write waits for a reader.
func (t *tunnel) force() {
	if s, ok := t.client.(*streamConn); ok {
		s.interrupt()
	}
	_ = t.client.Close()
	_ = t.backend.Close()
}

// close writes a last frame if the last one is complete, and lets nothing be
// written after it.
func (d *direction) close(dst io.Writer, frame []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.closed && d.frames.between() {
		_, _ = dst.Write(frame)
	}
	d.closed = true
}
