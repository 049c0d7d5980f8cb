package proxy

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"
	"time"
)

// stallingBody is a body of which nothing comes until its deadline. It is not
// safe for concurrent use, as a server's need not be.
type stallingBody struct {
	http.ResponseWriter
	reading chan struct{}
	expired chan struct{}
	reads   int
}

// SetReadDeadline is called by way of http.ResponseController.
func (s *stallingBody) SetReadDeadline(at time.Time) error {
	if at.Before(time.Now()) {
		close(s.expired)
	}
	return nil
}

func (s *stallingBody) Read([]byte) (int, error) {
	close(s.reading)
	<-s.expired
	s.reads++
	return 0, os.ErrDeadlineExceeded
}

func (s *stallingBody) Close() error { return nil }

// The transport may still read from the client when the handler is done with
// the response. Once it has returned, the body is the server's alone.
func TestDetachedBodyIsNotRead(t *testing.T) {
	for _, proto := range []int{1, 2} {
		s := &stallingBody{ResponseWriter: httptest.NewRecorder(), reading: make(chan struct{}), expired: make(chan struct{})}
		r := httptest.NewRequest(http.MethodPost, "/", s)
		r.ProtoMajor = proto
		body := newAttemptBody(&clientBody{src: s, client: r, w: s}, new(atomic.Pointer[guardConn]), nil)
		failed := make(chan error, 1)
		go func() {
			_, err := body.Read(make([]byte, 1))
			failed <- err
		}()
		<-s.reading
		body.body.detach()
		s.reads++ // as the race detector sees, too, if the read goes on
		if s.reads != 2 {
			t.Errorf("HTTP/%d: %d accesses, want 2", proto, s.reads)
		}
		if err := <-failed; !errors.Is(err, errBodyClosed) {
			t.Errorf("HTTP/%d: %v", proto, err)
		}
		if _, err := io.Copy(io.Discard, body); !errors.Is(err, errBodyClosed) {
			t.Errorf("HTTP/%d: reading later: %v", proto, err)
		}
		if body.body.failure() != nil {
			t.Errorf("HTTP/%d: the client is blamed: %v", proto, body.body.failure())
		}
		body.body.detach()
	}
}
