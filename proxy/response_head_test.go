package proxy

import (
	"bufio"
	"bytes"
	"net/http"
	"strings"
	"testing"
)

func TestParseHeadAccepts(t *testing.T) {
	for _, c := range []struct {
		head    string
		status  int
		length  int64
		chunked bool
	}{
		{"HTTP/1.1 200 OK\r\n\r\n", 200, -1, false},
		{"HTTP/1.1 200 \r\n\r\n", 200, -1, false},
		{"HTTP/1.1 200\r\n\r\n", 200, -1, false},
		{"HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n", 404, 0, false},
		{"HTTP/1.1 599 caf\xc3\xa9\r\nContent-Length:\t7 \t\r\n\r\n", 599, 7, false},
		{"HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n", 200, -1, true},
		{"HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n", 204, 0, false},
		{"HTTP/1.1 101 Switch\r\nUpgrade: websocket\r\n\r\n", 101, -1, false},
		{"HTTP/1.1 304 Same\r\nContent-Length: 99\r\n\r\n", 304, 99, false},
		{"HTTP/1.1 200 OK\r\nX:\r\nY: \xff\r\nContent-Length: 9223372036854775807\r\n\r\n", 200, 9223372036854775807, false},
	} {
		f, err := parseHead([]byte(c.head))
		if err != nil {
			t.Errorf("%q: %v", c.head, err)
			continue
		}
		if f.status != c.status || f.length != c.length || f.chunked != c.chunked {
			t.Errorf("%q: got %+v", c.head, f)
		}
	}
}

// badHeads are heads which must be refused.
var badHeads = []string{
	"",
	"\r\n",
	" HTTP/1.1 200 OK\r\n\r\n",
	"\r\nHTTP/1.1 200 OK\r\n\r\n",
	"http/1.1 200 OK\r\n\r\n",
	"HTTP/1.2 200 OK\r\n\r\n",
	"HTTP/2.0 200 OK\r\n\r\n",
	"HTTP/1.1  200 OK\r\n\r\n",
	"HTTP/1.1\t200 OK\r\n\r\n",
	"HTTP/1.1 20 OK\r\n\r\n",
	"HTTP/1.1 2000 OK\r\n\r\n",
	"HTTP/1.1 2x0 OK\r\n\r\n",
	"HTTP/1.1 +20 OK\r\n\r\n",
	"HTTP/1.1 099 OK\r\n\r\n",
	"HTTP/1.1 600 OK\r\n\r\n",
	"HTTP/1.1 200\tOK\r\n\r\n",
	"HTTP/1.1 200 O\x00K\r\n\r\n",
	"HTTP/1.1 200 O\rK\r\n\r\n",
	"HTTP/1.1 200 OK\n\n",
	"HTTP/1.1 200 OK\r\nX: y\n\r\n",
	"HTTP/1.1 200 OK\r\nX: y\n\n",
	"HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n",
	"HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n",
	"HTTP/1.1 200 OK\r\nX: a\x7fb\r\n\r\n",
	"HTTP/1.1 200 OK\r\nX : y\r\n\r\n",
	"HTTP/1.1 200 OK\r\n X: y\r\n\r\n",
	"HTTP/1.1 200 OK\r\nX: y\r\n folded\r\n\r\n",
	"HTTP/1.1 200 OK\r\nX: y\r\n\tfolded\r\n\r\n",
	"HTTP/1.1 200 OK\r\n: y\r\n\r\n",
	"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
	"HTTP/1.1 200 OK\r\nb(d: y\r\n\r\n",
	"HTTP/1.1 200 OK\r\nb\xe9d: y\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 5,5\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 5 5\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: \x0bchunked\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding:\r\n\r\n",
	"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
	"HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n",
	"HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n",
	"HTTP/1.1 103 Early\r\nContent-Length: 5\r\n\r\n",
	"HTTP/1.1 100 Continue\r\nTransfer-Encoding: chunked\r\n\r\n",
	"HTTP/1.1 200 OK\r\n\r\nX",
	"HTTP/1.1 200 OK\r\n" + strings.Repeat("a: b\r\n", maxHeadFields+1) + "\r\n",
}

func TestParseHeadRefuses(t *testing.T) {
	for _, head := range badHeads {
		if f, err := parseHead([]byte(head)); err == nil {
			t.Errorf("%.80q: accepted as %+v", head, f)
		}
	}
}

// FuzzParseHead checks that what is accepted means the same to net/http.
func FuzzParseHead(f *testing.F) {
	for _, head := range badHeads {
		f.Add([]byte(head))
	}
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 304 OK\r\nContent-Length: 5\r\n\r\n"))
	f.Add([]byte("HTTP/1.0 200\r\nA:b\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n"))
	f.Fuzz(func(t *testing.T, head []byte) {
		ours, err := parseHead(head)
		if err != nil {
			return
		}
		res, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(head)), nil)
		if err != nil {
			if strings.Contains(err.Error(), "bad trailer key") {
				return // refused by both, one by the other's client
			}
			t.Fatalf("%q: net/http refuses it: %v", head, err)
		}
		if res.StatusCode != ours.status {
			t.Errorf("%q: status %d, to net/http %d", head, ours.status, res.StatusCode)
		}
		chunked := len(res.TransferEncoding) > 0
		bodyless := ours.status < 200 || ours.status == 204 || ours.status == 304
		if !bodyless && chunked != ours.chunked {
			t.Errorf("%q: chunked %v, to net/http %v", head, ours.chunked, chunked)
		}
		if !bodyless && !chunked && res.ContentLength != ours.length {
			t.Errorf("%q: length %d, to net/http %d", head, ours.length, res.ContentLength)
		}
		n := 0
		for _, values := range res.Header {
			n += len(values)
		}
		if extra := ours.fields - n; extra < 0 {
			t.Errorf("%q: %d fields, to net/http %d", head, ours.fields, n)
		}
	})
}
