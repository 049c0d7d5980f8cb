package proxy

import (
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// overslept is a connection whose first read deadline has passed by the time
// that anything is done with it, as when this process does not get to run.
type overslept struct {
	net.Conn
	sets int
}

func (o *overslept) SetReadDeadline(at time.Time) error {
	if o.sets++; o.sets == 1 {
		at = longAgo
	}
	return o.Conn.SetReadDeadline(at)
}

// connectTo opens a connection to a backend as the transport does, and returns
// an exchange on it.
func connectTo(t *testing.T, addr string, wrap func(net.Conn) net.Conn) *http1Exchange {
	t.Helper()
	raw, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	conn := newHTTP1Conn(raw)
	conn.Conn = wrap(raw)
	r := &http.Request{Method: "GET", URL: &url.URL{Path: "/"}, RequestURI: "/", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: make(http.Header)}
	h := exchangeWith(conn, r)
	h.conn = conn
	t.Cleanup(h.end)
	return h
}

// A request must not fail, and a connection not be given up, because it takes
// long until this process gets to send it.
func TestAskLate(t *testing.T) {
	if overNet {
		return
	}
	for _, used := range []bool{false, true} {
		h := connectTo(t, rawBackend(t, answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")),
			func(conn net.Conn) net.Conn { return &overslept{Conn: conn} })
		h.conn.used = used
		res, err := h.roundTrip(h.conn)
		if err != nil {
			t.Fatalf("used before %t: %v", used, err)
		}
		wantStatus(t, res, http.StatusOK)
	}
}

// A head that the socket does not take at once is written to its end.
func TestAskInPieces(t *testing.T) {
	if overNet {
		return
	}
	heads := make(chan string, 1)
	begin := make(chan struct{})
	addr := rawBackend(t, func(p *peer) {
		<-begin
		capturing(heads)(p)
	})
	h := connectTo(t, addr, func(conn net.Conn) net.Conn {
		if err := conn.(*net.TCPConn).SetWriteBuffer(64 << 10); err != nil {
			t.Error(err)
		}
		return conn
	})
	long := strings.Repeat("x", 4<<20)
	h.a.r.Header["X-Long"] = []string{long}
	time.AfterFunc(50*time.Millisecond, func() { close(begin) })
	res, err := h.roundTrip(h.conn)
	if err != nil {
		t.Fatal(err)
	}
	wantStatus(t, res, http.StatusOK)
	if got := fields(receive(t, heads, "request"), "X-Long"); len(got) != 1 || got[0] != long {
		t.Error("the head arrived changed")
	}
}
