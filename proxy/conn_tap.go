package proxy

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// tap is the raw connection to a backend. Between two exchanges it lets its
// reader see that something has arrived only while nobody can start the next
// exchange in the same moment, so that it is always certain whether bytes came
// before a request or after it.
type tap struct {
	net.Conn
	raw          syscall.RawConn // nil if there is none
	readTimeout  time.Duration   // of each read within an exchange; 0: none
	writeTimeout time.Duration   // of each write; 0: none

	mu      sync.Mutex
	changed sync.Cond
	idle    bool // no exchange is going on
	parked  bool // idle, and a reader waits, having seen all that has arrived
	strayed bool // something was read while idle
	closed  bool
	onClose func() // of the exchange going on; may be nil
	err     error  // of the last read, if it failed
	writing int    // writes that go on
	reset   bool   // a write has met an RST
}

func newTap(conn net.Conn, readTimeout, writeTimeout time.Duration) *tap {
	t := &tap{Conn: conn, readTimeout: readTimeout, writeTimeout: writeTimeout}
	t.changed.L = &t.mu
	if sc, ok := conn.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			t.raw = raw
		}
	}
	return t
}

// rest says that no exchange is going on from now on.
func (t *tap) rest() {
	t.mu.Lock()
	t.idle, t.strayed, t.onClose = true, false, nil
	t.mu.Unlock()
	if t.readTimeout > 0 {
		_ = t.Conn.SetReadDeadline(time.Time{})
	}
}

// wake says that an exchange begins, and reports whether the connection is fit
// for it: open, and nothing has arrived since the last exchange. What arrives
// on a connection that was never used is let pass if lenient is set.
func (t *tap) wake(lenient bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.idle && !t.parked && !t.closed {
		t.changed.Wait()
	}
	if t.closed || !t.idle || (!lenient && (t.strayed || t.pending())) {
		return false
	}
	t.idle = false
	if t.readTimeout > 0 {
		_ = t.Conn.SetReadDeadline(time.Now().Add(t.readTimeout))
	}
	return true
}

// Read implements net.Conn.
func (t *tap) Read(p []byte) (int, error) {
	t.mu.Lock()
	idle := t.idle
	if idle {
		t.parked = true
		t.changed.Broadcast()
	}
	t.mu.Unlock()
	if idle {
		t.awaitReadable()
		t.mu.Lock()
		t.parked = false
		t.strayed = t.idle
		t.mu.Unlock()
	} else if t.readTimeout > 0 {
		_ = t.Conn.SetReadDeadline(time.Now().Add(t.readTimeout))
	}
	n, err := t.Conn.Read(p)
	if errors.Is(err, io.EOF) && t.wasReset() {
		err = os.NewSyscallError("read", syscall.ECONNRESET)
	}
	if err != nil {
		t.mu.Lock()
		if !t.closed {
			t.err = err
		}
		t.mu.Unlock()
	}
	return n, err
}

// Write implements net.Conn.
func (t *tap) Write(p []byte) (int, error) {
	if t.readTimeout > 0 {
		// nobody answers before having been asked
		_ = t.Conn.SetReadDeadline(time.Now().Add(t.readTimeout))
	}
	if t.writeTimeout > 0 {
		_ = t.Conn.SetWriteDeadline(time.Now().Add(t.writeTimeout))
	}
	t.mu.Lock()
	t.writing++
	t.mu.Unlock()
	n, err := t.Conn.Write(p)
	t.mu.Lock()
	t.writing--
	t.reset = t.reset || errors.Is(err, syscall.ECONNRESET)
	t.changed.Broadcast()
	t.mu.Unlock()
	return n, err
}

// wasReset reports whether the backend has reset the connection before it ended
// its stream, and a write has met that. The system tells of it once only: to
// those who read, the stream has ended then, as if the response were complete.
func (t *tap) wasReset() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.writing > 0 {
		// one that has met it returns at once; one that goes on has not
		late := false
		timer := time.AfterFunc(uploadPatience, func() {
			t.mu.Lock()
			late = true
			t.changed.Broadcast()
			t.mu.Unlock()
		})
		defer timer.Stop()
		for t.writing > 0 && !late && !t.closed {
			t.changed.Wait()
		}
	}
	return t.reset
}

// Close implements net.Conn.
func (t *tap) Close() error {
	t.mu.Lock()
	t.closed = true
	onClose := t.onClose
	t.onClose = nil
	t.changed.Broadcast()
	t.mu.Unlock()
	err := t.Conn.Close()
	if onClose != nil {
		onClose()
	}
	return err
}

// follow has f called when the connection is closed, by whomever on this side,
// before the exchange going on is over.
func (t *tap) follow(f func()) {
	t.mu.Lock()
	if !t.closed {
		t.onClose = f
	}
	t.mu.Unlock()
}

// isClosed reports whether the connection was closed on this side.
func (t *tap) isClosed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.closed
}

// lost returns the error of reading for which the connection was closed, if
// there was one.
func (t *tap) lost() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

// CloseWrite ends the stream to the backend and leaves that from it open.
func (t *tap) CloseWrite() error { return closeWrite(t.Conn) }

var _ net.Conn = (*tap)(nil)
