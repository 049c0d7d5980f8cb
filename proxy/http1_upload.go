package proxy

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/net/http/httpguts"
)

const (
	// headPatience is how long the head of a request waits for the first bytes
	// of its body, to go out together with them.
	headPatience = 2 * time.Millisecond
	// probePatience is the same where there may turn out to be no body: HTTP/3
	// does not say, and backends may not expect one of a GET.
	probePatience = 200 * time.Millisecond
	// uploadPatience is how long a response that is complete waits for the
	// last bytes of its request to have been written.
	uploadPatience = 50 * time.Millisecond
	// chunkHead is the room for the size of a chunk: as many digits as a
	// buffer needs, and CRLF.
	chunkHead = 6
)

// upload sends the body of a request. It has a goroutine of its own, as a
// backend may answer before it has seen the whole body, and two may talk both
// ways at once.
type upload struct {
	h    *http1Exchange
	conn *http1Conn
	body *attemptBody
	done chan struct{}

	mu    sync.Mutex
	head  []byte      // not sent yet, without framing; nil: it was
	timer *time.Timer // sends it alone
	err   error       // of writing it
	whole bool        // the request was written to its end
	stuck error       // the backend does not take it
	reset bool        // writing it has met an RST
}

// sendBody sends a request that has a body.
func (h *http1Exchange) sendBody(mem *[]byte) error {
	head := *mem
	trailer := make(http.Header)
	maps.Copy(trailer, h.a.trailer)
	h.upload = &upload{h: h, conn: h.conn, body: newAttemptBody(h.a.body, nil, trailer), done: make(chan struct{})}
	h.upload.body.interim = &h.a.interim
	h.wrote = true
	if h.a.expect {
		h.waiting = true
		*mem = h.appendFraming(head, true)
		defer releaseHead(mem)
		return h.write(h.conn, *mem)
	}
	h.upload.head = head // and with it its memory
	patience := headPatience
	if !h.a.hasContent() {
		patience = probePatience
	}
	h.upload.timer = time.AfterFunc(patience, h.upload.sendHead)
	h.beginUpload()
	return nil
}

// beginUpload starts to send the body.
func (h *http1Exchange) beginUpload() {
	h.waiting = false
	go h.upload.run()
}

// sendHead sends the head alone.
func (u *upload) sendHead() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.head != nil {
		u.err = u.write(u.h.appendFraming(u.head, true))
		u.head = nil
	}
}

// takeHead returns the head if it is still to be sent, together with what
// comes next.
func (u *upload) takeHead() ([]byte, error) {
	if u.timer != nil {
		u.timer.Stop()
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	head := u.head
	u.head = nil
	return head, u.err
}

func (u *upload) run() {
	defer close(u.done)
	mem := http1Uploads.Get().(*[http1UploadSize]byte)
	defer http1Uploads.Put(mem)
	err := u.send(mem[:])
	if u.timer != nil {
		u.timer.Stop()
		_, _ = u.takeHead() // waits for sendHead, which must not write any more
	}
	var failed *exchangeError
	switch {
	case err == nil:
		u.mu.Lock()
		u.whole = true
		u.mu.Unlock()
		u.h.requestWritten(u.conn)
	case errors.As(err, &failed) && errors.Is(err, os.ErrDeadlineExceeded):
		u.h.requestStuck(err)
	case errors.As(err, &failed):
		// the backend may have answered before it stopped reading
		u.mu.Lock()
		u.reset = errors.Is(err, syscall.ECONNRESET)
		u.mu.Unlock()
		u.h.requestWritten(u.conn)
	default:
		// what the backend has got must not look complete
		_ = u.conn.Close()
	}
}

// send sends the body, and the head in front of it.
func (u *upload) send(buf []byte) error {
	left := u.h.a.length
	chunked := left < 0
	var space [chunkHead]byte
	for first := true; ; first = false {
		room := buf[chunkHead : len(buf)-2]
		if !chunked && int64(len(room)) > left {
			room = room[:left]
		}
		n, rerr := 0, error(nil)
		if len(room) > 0 {
			n, rerr = u.body.Read(room)
		}
		ended := errors.Is(rerr, io.EOF)
		if rerr != nil && !ended {
			return rerr
		}
		piece := room[:n]
		if chunked && n > 0 {
			size := append(strconv.AppendInt(space[:0], int64(n), 16), "\r\n"...)
			start := chunkHead - len(size)
			copy(buf[start:], size)
			end := chunkHead + n
			end += copy(buf[end:], "\r\n")
			piece = buf[start:end]
		}
		left -= int64(n)
		var head []byte
		if first {
			var err error
			if head, err = u.takeHead(); err != nil {
				return err
			}
		}
		none := head != nil && chunked && ended && n == 0 && len(u.body.trailer) == 0 && !u.h.a.hasContent()
		if chunked && ended && !none {
			piece = u.appendEnd(piece)
		}
		if head != nil {
			piece = append(u.h.appendFraming(head, !none), piece...)
		}
		if len(piece) > 0 {
			if err := u.write(piece); err != nil {
				return err
			}
		}
		switch {
		case ended && !chunked && left > 0:
			return io.ErrUnexpectedEOF
		case ended, !chunked && left == 0:
			return nil
		}
	}
}

// appendEnd appends the last chunk and the trailer.
func (u *upload) appendEnd(b []byte) []byte {
	b = append(b, "0\r\n"...)
	for name, values := range u.body.trailer {
		for _, value := range values {
			if httpguts.ValidHeaderFieldValue(value) {
				b = appendField(b, name, value)
			}
		}
	}
	return append(b, "\r\n"...)
}

// requestWritten says that the backend has all that it will get, and may take
// only so much longer to answer.
func (h *http1Exchange) requestWritten(conn *http1Conn) {
	if limit := h.t.headerTimeout; limit > 0 {
		h.limitHead(conn, limit)
	}
}

// limitHead sets when the head of the response must be there, if it is not.
func (h *http1Exchange) limitHead(conn *http1Conn, limit time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.headDone {
		return
	}
	h.headBy = time.Now().Add(limit)
	if r := h.t.dialer.readTimeout; r == 0 || limit < r {
		conn.limitRead(limit) // the read that goes on now, too
	}
}

// write writes a piece of the request.
func (u *upload) write(b []byte) error {
	u.h.wroteNow()
	defer u.h.wroteNow()
	return u.h.write(u.conn, b)
}

// uploadReset reports whether the backend has reset the connection before it
// ended its stream, and writing the request has met that. The system tells of it
// once only: to those who read, the stream has ended then.
func (h *http1Exchange) uploadReset() bool {
	u := h.upload
	if u == nil || h.waiting {
		return false
	}
	// one that has met it ends at once; one that waits for its client has not
	timer := time.NewTimer(uploadPatience)
	defer timer.Stop()
	select {
	case <-u.done:
	case <-timer.C:
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.reset
}

// uploaded reports whether the request was written whole. If only its end is
// still on the way that is waited for.
func (h *http1Exchange) uploaded() bool {
	u := h.upload
	if u == nil {
		return true
	}
	if h.waiting {
		return false
	}
	select {
	case <-u.done:
	default:
		if !h.a.body.complete() {
			return false
		}
		timer := time.NewTimer(uploadPatience)
		defer timer.Stop()
		select {
		case <-u.done:
		case <-timer.C:
			return false
		}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.whole
}
