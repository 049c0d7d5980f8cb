package proxy

import (
	"errors"
	"io"
	"net/http"
	"net/textproto"
	"time"
)

// next returns the next piece of the body, of at most limit bytes (0: as much
// as there is). It is valid until the following call. If nothing comes within
// wait (0: ever), the error is errWaited.
func (h *http1Exchange) next(wait time.Duration, limit int) ([]byte, error) {
	for {
		if h.bad != nil {
			h.discard()
			return nil, h.bad
		}
		if h.phase == phaseIdle {
			h.finish()
			return nil, io.EOF
		}
		if h.r < h.w {
			if piece := h.take(limit); len(piece) > 0 {
				return piece, nil
			}
			continue
		}
		if h.conn == nil {
			return nil, errBodyClosed
		}
		switch err := h.fill(wait); {
		case err == nil:
		case errors.Is(err, errWaited):
			return nil, err
		case errors.Is(err, io.EOF) && h.phase == phaseToEOF && !h.uploadReset():
			h.phase = phaseIdle
			h.discard()
		case errors.Is(err, io.EOF):
			h.bad = io.ErrUnexpectedEOF
		default:
			h.bad = err
		}
	}
}

// take takes body bytes off the buffer, which is not empty.
func (h *http1Exchange) take(limit int) []byte {
	b := h.buf[h.r:h.w]
	if limit > 0 && len(b) > limit {
		b = b[:limit]
	}
	switch h.phase {
	case phaseLength:
		if int64(len(b)) >= h.left {
			b = b[:h.left]
			h.phase = phaseIdle
		}
		h.left -= int64(len(b))
		h.r += len(b)
	case phaseChunked:
		data, n, done, err := h.chunks.decode(b)
		b = b[:data]
		h.r += n
		if done {
			h.phase = phaseIdle
		}
		h.bad = err
	default:
		h.r += len(b)
	}
	if h.phase == phaseIdle {
		h.finish() // nothing of the connection is needed any more
	}
	return b
}

// trailerField implements trailerSink.
func (h *http1Exchange) trailerField(name, value []byte) {
	res := &h.a.res
	if res.Trailer == nil {
		res.Trailer = make(http.Header)
	}
	key := textproto.CanonicalMIMEHeaderKey(string(name))
	res.Trailer[key] = append(res.Trailer[key], string(value))
}

// http1Body is the body of a response, for those who read it piece by piece.
type http1Body http1Exchange

// Read implements io.Reader.
func (b *http1Body) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	piece, err := (*http1Exchange)(b).next(0, len(p))
	return copy(p, piece), err
}

// Close implements io.Closer. A body that was not read to its end takes the
// connection with it.
func (b *http1Body) Close() error {
	(*http1Exchange)(b).discard()
	return nil
}

var _ io.ReadCloser = (*http1Body)(nil)
