package proxy

// limitWrite sets how long the next write may take. A backend that has answered
// decides by itself when it goes on with the request, unless there is a limit
// for every write.
func (h *http1Exchange) limitWrite(conn *http1Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.headDone {
		conn.limitWrite(h.t.dialer.writeTimeout)
		return
	}
	conn.limitWrite(h.t.dialer.takeTimeout)
}

// requestStuck ends waiting for the answer of a backend that does not take the
// request: it has had time enough to answer before it stopped.
func (h *http1Exchange) requestStuck(err error) {
	u := h.upload
	u.mu.Lock()
	u.stuck = err
	u.mu.Unlock()
	h.limitHead(u.conn, 1)
}

// stuckError returns the error of an upload that the backend does not take.
func (u *upload) stuckError() error {
	if u == nil {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.stuck
}
