package proxy

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// max_response_header_size counts every byte of a head, and is exact.
func TestMaxResponseHeaderSize(t *testing.T) {
	const hint = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
	for _, limit := range []int{500, http1SmallSize, http1BufferSize, 3*http1BufferSize + 7} {
		for _, hints := range []int{0, 3} {
			for _, over := range []int{0, 1} {
				for _, piece := range []int{1 << 30, 1000, 7} {
					if piece == 7 && limit > 1000 {
						continue // it takes long
					}
					name := fmt.Sprintf("limit %d, %d hints, %d over, in pieces of %d", limit, hints, over, piece)
					t.Run(name, func(t *testing.T) {
						t.Parallel()
						headIsLimited(t, limit, headOf(strings.Repeat(hint, hints), limit+over), over == 0, piece)
					})
				}
			}
		}
	}
}

// headOf returns a head with what comes before it, altogether as long.
func headOf(before string, length int) string {
	const begin, end = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", "\r\n"
	left := length - len(before) - len(begin) - len(end)
	var fields strings.Builder
	for n := 0; left > 0; n++ {
		line := min(left, 60000)
		if rest := left - line; rest > 0 && rest < 20 {
			line -= 20
		}
		name := fmt.Sprintf("X-%d: ", n)
		fields.WriteString(name + strings.Repeat("x", line-len(name)-2) + "\r\n")
		left -= line
	}
	return before + begin + fields.String() + end
}

func headIsLimited(t *testing.T, limit int, head string, fits bool, piece int) {
	t.Helper()
	cfg := to(rawBackend(t, func(p *peer) {
		for p.head() != "" {
			for at := 0; at < len(head); at += piece {
				p.send(head[at:min(at+piece, len(head))])
			}
			p.send("ok")
		}
	}))
	cfg.Transport = &config.Transport{MaxResponseHeaderSize: int64(limit)}
	h := start(t, cfg)
	c := h.dial()
	for range 2 { // what grew for one response is no harm to the next
		c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		res, body := c.response("GET")
		for res.StatusCode < 200 {
			res, body = c.response("GET")
		}
		if !fits {
			wantStatus(t, res, 502)
			continue
		}
		wantStatus(t, res, 200)
		wantEqual(t, "body", body, "ok")
	}
}

// A head that begins in one read and ends in another one is the same wherever
// it is cut, and so is what comes behind.
func TestHeadsInTwoReads(t *testing.T) {
	if overNet {
		return
	}
	const response = "HTTP/1.1 103 Hi\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello"
	for step := 1; step < len(response); step++ {
		got, err := receiveHTTP1(timeless{&byteConn{src: bytes.NewReader([]byte(response)), step: step}}, "GET")
		if err != nil || got.status != 200 || string(got.body) != "hello" || got.header.Get("X-A") != "b" {
			t.Errorf("in pieces of %d: %v, %v", step, got, err)
		}
	}
}

// Many small chunks are slow, and nothing else.
func TestChunkFlood(t *testing.T) {
	const n = 100000
	h := start(t, to(rawBackend(t, func(p *peer) {
		p.head()
		p.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1\r\nx\r\n", n) + "0\r\n\r\n")
	})))
	res, body := h.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	wantStatus(t, res, 200)
	wantEqual(t, "body", body, strings.Repeat("x", n))
}

// A flood of extensions, or of trailers, ends the response.
func TestChunkOverheadFlood(t *testing.T) {
	for name, flood := range map[string]string{
		"extensions": strings.Repeat("1;"+strings.Repeat("e", 1000)+"\r\nx\r\n", 1000),
		"trailer":    "1\r\nx\r\n0\r\n" + strings.Repeat("A: b\r\n", 10000),
	} {
		h := start(t, to(rawBackend(t, func(p *peer) {
			p.head()
			p.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + flood)
			p.rest()
		})))
		_, body := h.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		if !strings.HasSuffix(body, "x<unexpected EOF>") {
			t.Errorf("%s: the body ends in %q", name, body[max(0, len(body)-30):])
		}
	}
}
