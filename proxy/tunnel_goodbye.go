package proxy

import (
	"io"
	"sync"
	"time"
)

// goodbyeTime is how long a tunnel that is ended may take to take leave.
const goodbyeTime = time.Second

// sayGoodbye tells both ends of the tunnel that this one is going away, and
// gives them a moment to take leave: a WebSocket is closed as RFC 6455, section
// 7.1, has it, with a Close frame each way; other protocols are told by the end
// of what comes from here.
func (t *tunnel) sayGoodbye(writing *sync.WaitGroup) {
	timer := time.NewTimer(goodbyeTime)
	defer timer.Stop()
	writing.Go(func() { t.toClient.close(t.client, t.webSocket, false) })
	writing.Go(func() { t.toBackend.close(t.backend, t.webSocket, true) })
	for _, d := range []*direction{&t.toClient, &t.toBackend} {
		select {
		case <-d.silent:
		case <-timer.C:
			t.force()
			return
		}
	}
}

// force ends both sides, also where a write waits for a reader.
func (t *tunnel) force() {
	if s, ok := t.client.(*streamConn); ok {
		s.interrupt()
	}
	_ = t.client.Close()
	_ = t.backend.Close()
}

// close ends what is written to dst. A Close frame must not end up inside of
// another frame: if one has begun, its end is waited for. Nor may it follow the
// Close frame that a peer has sent already.
func (d *direction) close(dst io.Writer, webSocket, masked bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case !webSocket:
		d.closed = true
		_ = closeWrite(dst)
	case !d.frames.between():
		d.goodbye = closeFrame(masked)
	default:
		d.sayLast(dst, closeFrame(masked))
	}
}

// sayLast writes a last frame, unless a last one was written already.
func (d *direction) sayLast(dst io.Writer, frame []byte) {
	d.closed, d.goodbye = true, nil
	if d.frames.closed() {
		d.fallSilent()
		return
	}
	_, _ = dst.Write(frame)
}

// writeLast writes what belongs to the frame that has begun, and then the last
// one.
func (d *direction) writeLast(dst io.Writer, b []byte) error {
	n := d.frames.scanFrame(b)
	if _, err := dst.Write(b[:n]); err != nil {
		return err
	}
	if d.frames.between() {
		d.sayLast(dst, d.goodbye)
		d.drop(b[n:], true)
	}
	return nil
}

// drop takes what goes nowhere any more. To leave it unread would have the
// connection reset when it is closed, and the last frame might be lost.
func (d *direction) drop(b []byte, webSocket bool) {
	if !webSocket {
		return
	}
	if d.frames.scan(b); d.frames.closed() {
		d.fallSilent()
	}
}

func (d *direction) fallSilent() { d.once.Do(func() { close(d.silent) }) }
