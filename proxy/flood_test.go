package proxy

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// mostFlood is more than anything that is sent without end may be read of: the
// limits, and what the system holds on the way.
const mostFlood = 16 << 20

// pour sends the piece until the connection ends. It returns false if that does
// not happen.
func (p *peer) pour(start, piece string) bool {
	p.send(start)
	piece = strings.Repeat(piece, 1+20_000/len(piece))
	for sent := 0; sent < mostFlood; sent += len(piece) {
		if _, err := io.WriteString(p.Conn, piece); err != nil {
			return !isTimeout(err)
		}
	}
	return false
}

// What a backend sends without end is an error, whatever it is, and its fault.
func TestBackendFloods(t *testing.T) {
	const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	for _, c := range []struct {
		name, start, piece string
		status             int // 0: the response is cut short
	}{
		{"fields", "HTTP/1.1 200 OK\r\n", "A: b\r\n", 502},
		{"one field", "HTTP/1.1 200 OK\r\nA: ", "b", 502},
		{"reason", "HTTP/1.1 200 ", "b", 502},
		{"100", "", "HTTP/1.1 100 Continue\r\n\r\n", 502},
		{"103", "", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 502},
		{"fields of 103", "HTTP/1.1 103 Early Hints\r\n", "Link: </a>\r\n", 502},
		{"trailers", chunked + "1\r\na\r\n0\r\n", "A: b\r\n", 0},
		{"one trailer", chunked + "1\r\na\r\n0\r\nA: ", "b", 0},
		{"chunk size", chunked + "1\r\na\r\n", "0", 0},
		{"chunk extension", chunked + "1\r\na\r\n1;", "b", 0},
		{"chunk extensions", chunked, "1;" + strings.Repeat("b", 1000) + "\r\na\r\n", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			ended := make(chan bool, 1)
			h := start(t, to(rawBackend(t, func(p *peer) {
				p.head()
				ended <- p.pour(c.start, c.piece)
			})))
			client := h.dial()
			client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
			got, err := io.ReadAll(client.br)
			if !receive(t, ended, "the flood to end") {
				t.Errorf("more than %d bytes are read", mostFlood)
			}
			want := fmt.Sprintf("HTTP/1.1 %d ", c.status)
			if final := string(got[strings.LastIndex(string(got), "HTTP/1.1 "):]); c.status > 0 && !strings.HasPrefix(final, want) {
				t.Errorf("response %.200q, %v; want status %d", got, err, c.status)
			}
			if c.status == 0 && (strings.HasSuffix(string(got), "0\r\n\r\n") || !strings.HasPrefix(string(got), "HTTP/1.1 200 ")) {
				t.Errorf("response %.200q is not cut short", got)
			}
			h.idle()
			if got := h.verdicts(); got[len(got)-1] != pool.Failed {
				t.Errorf("verdicts %v", got)
			}
		})
	}
}

// The same of a backend of HTTP/2, whose floods are in frames.
func TestHTTP2BackendFloods(t *testing.T) {
	h2c := new(http.Protocols)
	h2c.SetUnencryptedHTTP2(true)
	for name, respond := range map[string]http.HandlerFunc{
		"fields": func(w http.ResponseWriter, _ *http.Request) {
			for i := range maxHeadFields + 1 {
				w.Header()[fmt.Sprintf("A%d", i)] = []string{"b"}
			}
		},
		"values": func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["A"] = slices.Repeat([]string{"b"}, maxHeadFields+1)
		},
		"one field": func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["A"] = []string{strings.Repeat("b", 2<<20)}
		},
		"103": func(w http.ResponseWriter, _ *http.Request) {
			for range maxInterim + 1 {
				w.WriteHeader(http.StatusEarlyHints)
			}
		},
		"fields of 103": func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Link"] = []string{strings.Repeat("b", maxInterimBytes)}
			w.WriteHeader(http.StatusEarlyHints)
		},
	} {
		t.Run(name, func(t *testing.T) {
			srv := &harness{t: t, release: func() {}}
			h := start(t, to("h2c://"+srv.serveHandler(nil, respond, h2c)))
			c := h.dial()
			c.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
			got := c.rest()
			if final := got[max(0, strings.LastIndex(got, "HTTP/1.1 ")):]; !strings.HasPrefix(final, "HTTP/1.1 502 ") {
				t.Errorf("response %.200q", got)
			}
			if got := h.verdicts(); !slices.Equal(got, []pool.Verdict{pool.Failed}) {
				t.Errorf("verdicts %v", got)
			}
		})
	}
}

// A client that sends without end reaches no backend, or cannot make a request
// of it that looks complete.
func TestClientFloods(t *testing.T) {
	const upload = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
	for _, c := range []struct{ name, start, piece string }{
		{"fields", "GET / HTTP/1.1\r\nHost: a\r\n", "A: b\r\n"},
		{"one field", "GET / HTTP/1.1\r\nHost: a\r\nA: ", "b"},
		{"target", "GET /", "b"},
		{"trailers", upload + "1\r\na\r\n0\r\n", "A: b\r\n"},
		{"one trailer", upload + "1\r\na\r\n0\r\nA: ", "b"},
		{"chunk extension", upload + "1\r\na\r\n1;", "b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			whole := make(chan string, 1)
			h := start(t, to(rawBackend(t, func(p *peer) {
				if got := p.rest(); strings.HasSuffix(got, "\r\n\r\n") && strings.Contains(got, "\r\n0\r\n") {
					whole <- got
				}
			})))
			client := h.dial()
			if !client.pour(c.start, c.piece) {
				t.Errorf("more than %d bytes are read", mostFlood)
			}
			h.idle()
			for _, v := range h.verdicts() {
				if v != pool.ClientFault {
					t.Errorf("verdict %v", v)
				}
			}
			select {
			case got := <-whole:
				t.Errorf("the backend got %.200q", got)
			default:
			}
		})
	}
}

// The bytes of a request's head are limited by the server; fields, of which
// many fit into them, are limited here.
func TestTooManyRequestFields(t *testing.T) {
	ok := answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	h := provision(t, to(rawBackend(t, ok)))
	h.serve(serverTLS(t))
	for _, http2 := range []bool{false, true} {
		client := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: http2}
		for _, c := range []struct {
			header http.Header
			status int
		}{
			{http.Header{"A": slices.Repeat([]string{"b"}, maxHeadFields-10)}, 200},
			{http.Header{"A": slices.Repeat([]string{"b"}, maxHeadFields+1)}, 431},
			{different(maxHeadFields + 1), 431},
		} {
			req, err := http.NewRequest("GET", "https://"+h.addr, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header = c.header
			res, err := client.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			wantStatus(t, res, c.status)
		}
		client.CloseIdleConnections()
	}
	if slices.Contains(h.verdicts(), pool.Failed) {
		t.Errorf("verdicts %v", h.verdicts())
	}
}

// different returns a header with n fields.
func different(n int) http.Header {
	h := make(http.Header, n)
	for i := range n {
		h[fmt.Sprintf("A%d", i)] = []string{"b"}
	}
	return h
}
