package wire

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

// h2cExchange is a request of a client of HTTP/1.1 that a backend of HTTP/2 has
// got the header of.
type h2cExchange struct {
	site   *site
	client *peer
	server *frames
	stream uint32
}

func startH2C(t *testing.T, request string) *h2cExchange {
	t.Helper()
	s := h2c.take(t)
	b := s.backend(t)
	client := s.dial(t)
	client.send(s.fill(request))
	server := b.accept().http2Server()
	return &h2cExchange{s, client, server, server.request().StreamID}
}

// expectReset reads until the backend's stream is reset, which must come in
// time and before the request's end.
func (x *h2cExchange) expectReset(t *testing.T) {
	t.Helper()
	for {
		frame, err := x.server.next(x.stream)
		if err != nil {
			if !strings.Contains(err.Error(), "stream error") {
				t.Errorf("the backend saw %v instead of a reset", err)
			}
			return
		}
		if d, ok := frame.(*http2.DataFrame); ok && d.StreamEnded() {
			t.Error("the backend saw a complete request")
			return
		}
	}
}

// TestH2CBadUpload: a body that breaks off, or is malformed, is the client's
// fault, and never complete for the backend.
func TestH2CBadUpload(t *testing.T) {
	for _, test := range []struct {
		name, rest string
		leaves     bool
		status     int
	}{
		{"malformed chunk", chunked + "\r\n5\r\nhello\r\nzz\r\n", false, 400},
		{"malformed last chunk", chunked + "\r\n5\r\nhello\r\n0\r\nX-A: \x00\r\n\r\n", false, 400},
		{"the client leaves in its length", "Content-Length: 10\r\n\r\nhello", true, 499},
		{"the client leaves in a chunk", chunked + "\r\nff\r\nhello", true, 499},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			uri := fmt.Sprintf("/%x", time.Now().UnixNano())
			x := startH2C(t, "POST "+uri+" HTTP/1.1\r\nHost: HOST\r\n"+test.rest)
			if test.leaves {
				x.client.reset()
			}
			x.expectReset(t)
			if !test.leaves {
				x.client.answer("POST").expectStatus(t, test.status)
			} else if status := x.site.accessLog(t, uri); status != test.status {
				t.Errorf("the access log has status %d, want %d", status, test.status)
			}
			x.site.expectIdle(t)
			x.site.expectFailures(t, 0)
		})
	}
}

// TestH2CEarly: a response that comes before the request's body is passed on,
// and the rest of the body is not wanted any more.
func TestH2CEarly(t *testing.T) {
	for name, head := range map[string]string{"Expect": "Expect: 100-continue\r\n", "no Expect": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := startH2C(t, "POST / HTTP/1.1\r\nHost: HOST\r\n"+head+"Content-Length: 1000000\r\n\r\n")
			x.server.headers(x.stream, false, field{":status", "413"}, field{"content-type", "a/b"})
			x.server.data(x.stream, true, "no")
			a := x.client.answer("POST")
			a.expectStatus(t, 413)
			if a.body != "no" || len(a.informational) > 0 {
				t.Errorf("the client got %s", a)
			}
			x.expectReset(t)
			x.client.expectClosed()
			x.site.expectIdle(t)
			x.site.expectFailures(t, 0)
		})
	}
}

// TestH2CSlowHead: the backend is told that its response comes too late.
func TestH2CSlowHead(t *testing.T) {
	x := startH2C(t, "POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 5\r\n\r\nhello")
	x.server.expectData(x.stream, "hello")
	began := time.Now()
	x.client.answer("POST").expectStatus(t, 504)
	if took := time.Since(began); took > patience {
		t.Errorf("after %s", took)
	}
	if frame, err := x.server.next(x.stream); err == nil {
		if d, ok := frame.(*http2.DataFrame); !ok || !d.StreamEnded() {
			t.Errorf("the backend saw %v", frame)
		}
		x.expectReset(t)
	}
	x.site.expectIdle(t)
	x.site.expectFailures(t, 1)
}
