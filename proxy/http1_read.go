package proxy

import (
	"bytes"
	"errors"
	"io"
	"os"
	"time"
)

// errWaited is the error of a read that has waited for as long as it was
// allowed to, with nothing wrong.
var errWaited = errors.New("nothing has come yet")

var errNoResponse = errors.New("backend has closed the connection without a response")

// fill reads more of what the backend sends into the buffer. If wait is not 0
// it gives up after that time with errWaited.
func (h *http1Exchange) fill(wait time.Duration) error {
	if h.r == h.w {
		h.r, h.w = 0, 0
	}
	for {
		limit := h.limitRead(wait, time.Now())
		err := h.read()
		for limit == limitFailure && h.mayGoOn(err) {
			err = h.read()
		}
		switch {
		case err == nil:
			h.got = true
			return nil
		case errors.Is(err, io.EOF):
			return err
		case limit == limitFailure || !errors.Is(err, os.ErrDeadlineExceeded):
			return &exchangeError{"reading response", err}
		}
		h.watchClient()
		if h.r == h.w {
			h.release() // it may take long now
		}
		if limit == limitWait {
			return errWaited
		}
		if wait > 0 {
			wait = max(wait-watchPatience, 1)
		}
	}
}

// read reads into the buffer. If that has no memory, it gets some when there is
// something to read.
func (h *http1Exchange) read() error {
	if h.buf == nil {
		return h.conn.receive(&h.http1Buffer)
	}
	n, err := h.conn.Read(h.buf[h.w:])
	h.w += n
	switch {
	case n > 0:
		return nil
	case err == nil:
		return io.ErrNoProgress
	}
	return err
}

// readLimit says what it means when a read takes too long.
type readLimit uint8

const (
	limitFailure readLimit = iota // that the backend has failed
	limitWait                     // that what it was asked to wait for did not come
	limitWatch                    // that it is time to watch the client
)

// limitRead sets how long the next read may take, from now on.
func (h *http1Exchange) limitRead(wait time.Duration, now time.Time) readLimit {
	if h.upload != nil {
		h.mu.Lock()
		defer h.mu.Unlock()
	}
	limit, meaning := wait, limitWait
	if wait == 0 {
		meaning = limitFailure // set by the end of an upload, if there is one
	}
	if h.stop == nil && (limit == 0 || watchPatience < limit) {
		limit, meaning = watchPatience, limitWatch
	}
	if d := h.t.dialer.readTimeout; d > 0 && (limit == 0 || d < limit) {
		limit, meaning = d, limitFailure
	}
	if !h.headDone && !h.headBy.IsZero() {
		if d := max(h.headBy.Sub(now), 1); limit == 0 || d < limit {
			limit, meaning = d, limitFailure
		}
	}
	if meaning == limitWatch {
		h.conn.limitReadRoughly(limit, now)
	} else {
		h.conn.limitRead(limit)
	}
	return meaning
}

// readHead reads until the buffer begins with a whole head, and returns it.
func (h *http1Exchange) readHead() ([]byte, error) {
	for scanned := h.r; ; {
		end, err := h.headEnd(scanned)
		if err != nil {
			return nil, err
		}
		if end > 0 {
			return h.buf[h.r:end], nil
		}
		scanned = h.w
		if h.buf != nil && (h.r > 0 || h.w == len(h.buf)) {
			scanned -= h.r
			h.makeRoom()
		}
		if err := h.fillHead(); err != nil {
			return nil, err
		}
	}
}

// headEnd returns where the head ends, 0 if it is not complete. Lines were
// looked at up to scanned.
func (h *http1Exchange) headEnd(scanned int) (int, error) {
	const proto = "HTTP/1."
	if n := min(h.w-h.r, len(proto)); string(h.buf[h.r:h.r+n]) != proto[:n] {
		return 0, malformed("begins with %.16q", h.buf[h.r:h.w])
	}
	for at := scanned; ; at++ {
		i := bytes.IndexByte(h.buf[at:h.w], '\n')
		if i < 0 {
			break
		}
		if at += i; h.heads+at-h.r >= h.t.dialer.maxHead {
			break
		}
		if at == h.r || h.buf[at-1] != '\r' {
			return 0, malformed("line ends in a bare LF")
		}
		if at >= h.r+3 && h.buf[at-2] == '\n' {
			return at + 1, nil
		}
	}
	if h.heads+h.w-h.r > h.t.dialer.maxHead {
		return 0, malformed("head is longer than %d bytes", h.t.dialer.maxHead)
	}
	return 0, nil
}

// fillHead reads more of a head. The body of the request is sent when the
// backend has been silent for long enough to its announcement.
func (h *http1Exchange) fillHead() error {
	var wait time.Duration
	if h.waiting {
		wait = h.t.continueTimeout
	}
	err := h.fill(wait)
	switch {
	case errors.Is(err, errWaited):
		h.beginUpload()
		return nil
	case errors.Is(err, io.EOF) && !h.got:
		return &exchangeError{"reading response", errNoResponse}
	case errors.Is(err, io.EOF):
		return &exchangeError{"reading response", io.ErrUnexpectedEOF}
	}
	return err
}
