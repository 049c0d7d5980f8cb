package proxy

import (
	"errors"
	"os"
	"time"
)

// mayGoOn reports whether a read that took too long may go on, with a new limit:
// nobody answers before having been asked, so the time of read_timeout begins
// with the last piece of the request.
func (h *http1Exchange) mayGoOn(err error) bool {
	timeout := h.t.dialer.readTimeout
	if timeout == 0 || h.upload == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	by := h.wroteAt.Add(timeout)
	if !h.headDone && !h.headBy.IsZero() && h.headBy.Before(by) {
		by = h.headBy
	}
	left := time.Until(by)
	if left > 0 {
		h.conn.limitRead(left)
	}
	return left > 0
}

// wroteNow takes note of the time that a piece of the body is written.
func (h *http1Exchange) wroteNow() {
	if h.t.dialer.readTimeout == 0 {
		return // nobody asks
	}
	h.mu.Lock()
	h.wroteAt = time.Now()
	h.mu.Unlock()
}
