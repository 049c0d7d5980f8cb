package fault

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// flood is what never ends.
type flood struct {
	name  string
	start func(*call) string
	piece string
	want  class // what the client gets that has asked for it
}

const line = "X-Flood: 0123456789012345678901234567890123456789\r\n"

var floods = []flood{
	{"header fields", func(*call) string { return "HTTP/1.1 200 OK\r\n" }, line, status(502)},
	{"a header field", func(*call) string { return "HTTP/1.1 200 OK\r\nX-Flood: " }, strings.Repeat("a", 1000), status(502)},
	{"1xx responses", func(*call) string { return "" }, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", status(502)},
	{"trailers", func(c *call) string {
		c.framing = byChunks
		return c.responseHead() + "5\r\n" + string(patternOf(c.id).text(5)) + "\r\n0\r\n"
	}, line, cut},
	{"a chunk extension", func(c *call) string {
		c.framing = byChunks
		return c.responseHead() + "5;"
	}, strings.Repeat("a", 1000), cut},
}

// mostFlood is how much of a flood may be taken before it ends, with all that
// the system holds of it on the way.
const mostFlood = 16 << 20

// flooding plays the flood for every fourth request.
func flooding(f flood) script {
	return func(c *call) bool {
		if c.id%4 != 0 {
			return answer(c)
		}
		c.failed(f.want)
		c.readBody()
		c.write(f.start(c))
		piece := strings.Repeat(f.piece, 1+10_000/len(f.piece))
		for sent := 0; c.write(piece); sent += len(piece) {
			if sent > mostFlood {
				c.b.complain("a flood of %s is read for %d bytes", f.name, sent)
				return false
			}
		}
		return false
	}
}

// What a backend sends without end is an error for the client that has asked
// for it, and costs nobody anything.
func TestBackendFloods(t *testing.T) {
	s := newStage(t, layout{backends: 3})
	for _, f := range floods {
		c := s.run(fmt.Sprintf("a backend sends %s without end", f.name))
		s.backends[0].play(flooding(f))
		c.send(16, scale(200, 2000), newAsk)
		s.backends[0].play(answer)
		c.check(c.expected())
	}
}

// What a client sends without end is refused. Others notice nothing, and no
// backend is blamed.
func TestClientFloods(t *testing.T) {
	s := newStage(t, layout{backends: 3, pool: "fail_duration 30s\nmax_fails 1"})
	upload := func() string {
		a := newGet()
		a.method, a.chunked = http.MethodPost, true
		return a.head(s.front)
	}
	for _, f := range []struct {
		name  string
		start func() string
		piece string
	}{
		{"header fields", func() string { return "GET / HTTP/1.1\r\n" }, line},
		{"a header field", func() string { return "GET / HTTP/1.1\r\nX-Flood: " }, "aaaaaaaaaa"},
		{"trailers", func() string { return upload() + "0\r\n" }, line},
		{"a chunk extension", func() string { return upload() + "5;" }, "aaaaaaaaaa"},
	} {
		c := s.run(fmt.Sprintf("%d clients send %s without end", scale(20, 200), f.name))
		before := s.failures()
		load := c.load(4, always(newAsk))
		var flooders sync.WaitGroup
		for range scale(20, 200) {
			flooders.Go(func() {
				if err := pour(s.front, f.start(), f.piece); err != nil {
					t.Errorf("%s: %v", c.name, err)
				}
			})
		}
		flooders.Wait()
		load.more(t, 20)
		load.end()
		if got := s.failures() - before; got != 0 {
			t.Errorf("%s: %d failures are counted against backends", c.name, got)
		}
		c.check(nil)
	}
}

// pour sends the piece over and over. It is an error if that does not end.
func pour(addr, start, piece string) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer reset(conn.(*net.TCPConn))
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, start); err != nil {
		return fmt.Errorf("sending the beginning: %w", err)
	}
	pieces := strings.Repeat(piece, 1+10_000/len(piece))
	for sent := 0; sent < mostFlood; sent += len(pieces) {
		if _, err := io.WriteString(conn, pieces); err != nil {
			if isTimeout(err) {
				return fmt.Errorf("after %d bytes nothing is read any more, and the connection stays open", sent)
			}
			return nil
		}
	}
	return fmt.Errorf("%d bytes are read", mostFlood)
}
