package proxy

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
)

// A backend that dies in the middle of a response never leaves the client with
// one that looks complete, wherever it does, and whatever the client speaks.
func TestBackendDiesMidBody(t *testing.T) {
	body := bytes.Repeat([]byte("0123456789abcdef"), 40<<10) // several buffers
	length := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	chunked := []byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
	for at := 0; at < len(body); at += 50000 {
		piece := body[at:min(at+50000, len(body))]
		chunked = fmt.Appendf(chunked, "%x\r\n%s\r\n", len(piece), piece)
	}
	chunked = append(chunked, "0\r\nX-Sum: 1\r\n\r\n"...)
	until := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\n\r\n%s", body)
	const fin, rst = false, true
	for _, c := range []struct {
		name     string
		response []byte
		cut      int // bytes off its end
		abrupt   bool
		buffers  int64
	}{
		{"length, last byte", length, 1, fin, 0},
		{"length, last byte, RST", length, 1, rst, 0},
		{"length, half", length, len(length) / 2, fin, 0},
		{"length, half, RST", length, len(length) / 2, rst, 0},
		{"length, all", length, len(body), fin, 0},
		{"length, half, buffered", length, len(length) / 2, fin, 1 << 20},
		{"length, half, buffered in part", length, len(length) / 2, fin, 1 << 10},
		{"chunked, last byte", chunked, 1, fin, 0},
		{"chunked, trailer", chunked, len("X-Sum: 1\r\n\r\n"), fin, 0},
		{"chunked, last chunk", chunked, len("0\r\nX-Sum: 1\r\n\r\n"), fin, 0},
		{"chunked, last chunk, RST", chunked, len("0\r\nX-Sum: 1\r\n\r\n"), rst, 0},
		{"chunked, half", chunked, len(chunked) / 2, fin, 0},
		{"chunked, half, buffered", chunked, len(chunked) / 2, fin, 1 << 20},
		{"until close, RST", until, 0, rst, 0},
	} {
		for _, proto := range []string{"HTTP/1.1", "HTTP/1.0"} {
			t.Run(c.name+"/"+proto, func(t *testing.T) {
				t.Parallel()
				first := make(chan struct{})
				received := sync.OnceFunc(func() { close(first) })
				defer received()
				cfg := to(rawBackend(t, func(p *peer) {
					p.head()
					p.send(string(c.response[:len(c.response)-c.cut]))
					if c.abrupt { // what was sent must not be lost with it
						<-first
						_ = p.Conn.(*net.TCPConn).SetLinger(0)
					}
				}))
				cfg.ResponseBuffers = c.buffers
				h := start(t, cfg)
				client := h.dial()
				client.send("GET / " + proto + "\r\nHost: a\r\n\r\n")
				client.br = bufio.NewReaderSize(client.Conn, 64<<10)
				res, err := http.ReadResponse(client.br, nil)
				if err != nil {
					return // nothing at all does not look complete either
				}
				var got []byte
				piece := make([]byte, 1<<10)
				for err == nil {
					var n int
					n, err = res.Body.Read(piece)
					got = append(got, piece[:n]...)
					received()
				}
				if errors.Is(err, io.EOF) {
					t.Errorf("%d bytes look like the complete response", len(got))
				}
				if !bytes.HasPrefix(body, got) {
					t.Errorf("%d bytes are none of the response", len(got))
				}
			})
		}
	}
}

// Nor does a request that its client has cut short look complete to a backend.
func TestClientDiesMidUpload(t *testing.T) {
	for _, framing := range []string{"Content-Length: 100000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n186A0\r\n"} {
		for _, abrupt := range []bool{false, true} {
			t.Run(fmt.Sprintf("%.10s, abrupt %t", framing, abrupt), func(t *testing.T) {
				t.Parallel()
				result := make(chan error, 1)
				begun := make(chan struct{})
				h := start(t, to(rawBackend(t, func(p *peer) {
					r, err := http.ReadRequest(p.br)
					if err != nil {
						result <- err
						return
					}
					_, err = io.ReadFull(r.Body, make([]byte, 10))
					close(begun)
					if err == nil {
						_, err = io.Copy(io.Discard, r.Body)
					}
					result <- err
				})))
				c := h.dial()
				c.send("POST / HTTP/1.1\r\nHost: a\r\n" + framing + string(make([]byte, 50000)))
				receive(t, begun, "body")
				if abrupt {
					_ = c.Conn.(*net.TCPConn).SetLinger(0)
				}
				_ = c.Close()
				if err := receive(t, result, "end of the upload"); err == nil {
					t.Error("the request looks complete")
				}
				h.result(0)
				h.wantIdle()
			})
		}
	}
}
