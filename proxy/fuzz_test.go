package proxy

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"

	"golang.org/x/net/http/httpguts"
)

// byteConn is a connection from which bytes come in pieces.
type byteConn struct {
	net.Conn
	src  *bytes.Reader
	step int
}

func (c *byteConn) Read(p []byte) (int, error) { return c.src.Read(p[:min(c.step, len(p))]) }
func (c *byteConn) Close() error               { return nil }

// FuzzGuardConn checks that the guard hands on what came, in order, and that a
// response which passes it whole is the same one without it.
func FuzzGuardConn(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\n\r\n"), 3, false)
	f.Add([]byte("HTTP/1.1 103 Hi\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n"), 1, false)
	f.Add([]byte("HTTP/1.0 200 OK\r\n\r\nuntil the end"), 100, false)
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), 100, true)
	f.Add([]byte("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"), 7, false)
	f.Fuzz(func(t *testing.T, in []byte, step int, head bool) {
		conn := &byteConn{src: bytes.NewReader(in), step: max(1, step&0xfff)}
		tap := newTap(conn, 0, 0)
		g := newGuard(tap, tap, 1<<16)
		tap.idle, g.phase, g.headOnly = false, phaseHead, head
		var passed bytes.Buffer
		method := "GET"
		if head {
			method = "HEAD"
		}
		res, body, err := readFinal(io.TeeReader(g, &passed), method)
		if !bytes.HasPrefix(in, passed.Bytes()) {
			t.Fatalf("%q became %q", in, passed.Bytes())
		}
		if err != nil {
			return
		}
		want, wantBody, err := readFinal(bytes.NewReader(in), method)
		if err != nil {
			t.Fatalf("%q passes the guard, but not net/http: %v", in, err)
		}
		if res.StatusCode != want.StatusCode || !bytes.Equal(body, wantBody) {
			t.Errorf("%q: status %d and %q, without guard %d and %q", in, res.StatusCode, body, want.StatusCode, wantBody)
		}
	})
}

func readFinal(src io.Reader, method string) (*http.Response, []byte, error) {
	br := bufio.NewReader(src)
	for {
		res, err := http.ReadResponse(br, &http.Request{Method: method})
		if err != nil {
			return nil, nil, err
		}
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode >= 200 || res.StatusCode == 101 {
			return res, body, err
		}
	}
}

// FuzzValidHost checks that what is taken for a host is one to net/http too.
func FuzzValidHost(f *testing.F) {
	for _, host := range []string{"", "a", "a.b:80", "[::1]:80", "1.2.3.4", "a:b", "[::1", "a@b", "a_b", "[fe80::1%eth0]"} {
		f.Add(host)
	}
	f.Fuzz(func(t *testing.T, host string) {
		if !validHost(host) || host == "" {
			return
		}
		if !httpguts.ValidHostHeader(host) {
			t.Errorf("%q is no Host field", host)
		}
		if _, err := url.Parse("http://" + host + "/"); err != nil {
			t.Errorf("%q is no host of a URL: %v", host, err)
		}
	})
}

// FuzzFrameScanner checks that it does not matter how frames are cut.
func FuzzFrameScanner(f *testing.F) {
	f.Add([]byte("\x81\x05hello\x88\x02\x03\xe9"), 3)
	f.Add([]byte("\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff"), 1)
	f.Fuzz(func(t *testing.T, in []byte, step int) {
		step = max(1, step&0xff)
		var whole, cut frameScanner
		whole.scan(in)
		for i := 0; i < len(in); i += step {
			cut.scan(in[i:min(i+step, len(in))])
		}
		if whole.left != cut.left || !bytes.Equal(whole.head, cut.head) || whole.closed() != cut.closed() {
			t.Errorf("%q: %d and %q, cut %d and %q", in, whole.left, whole.head, cut.left, cut.head)
		}
		var frames frameScanner
		for rest := in; len(rest) > 0; {
			n := frames.scanFrame(rest)
			if n < 1 || n > len(rest) || n < len(rest) && !frames.between() {
				t.Fatalf("took %d of %d bytes, and is between frames: %v", n, len(rest), frames.between())
			}
			rest = rest[n:]
		}
		if whole.left != frames.left || !bytes.Equal(whole.head, frames.head) || whole.closed() != frames.closed() {
			t.Errorf("%q: %d and %q, by frame %d and %q", in, whole.left, whole.head, frames.left, frames.head)
		}
	})
}
