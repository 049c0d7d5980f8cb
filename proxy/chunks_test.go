package proxy

import (
	"bytes"
	"io"
	"net/http/httputil"
	"strings"
	"testing"
)

func TestChunkScanner(t *testing.T) {
	for _, c := range []struct {
		in   string
		n    int // bytes of the message; -1: refused
		done bool
	}{
		{"0\r\n\r\n", 5, true},
		{"5\r\nhello\r\n0\r\n\r\n", 15, true},
		{"5\r\nhello\r\n0\r\n\r\nHTTP/1.1", 15, true},
		{"5;a=b;c=\"d\"\r\nhello\r\n0\r\nX: y\r\n\r\n", 31, true},
		{"00000A\r\n0123456789\r\n000\r\n\r\n", 27, true},
		{"5\r\nhel", 6, false},
		{"", 0, false},
		{"\r\n", -1, false},
		{"x\r\n", -1, false},
		{" 5\r\nhello\r\n", -1, false},
		{"5 \r\nhello\r\n", -1, false},
		{"5\nhello\n", -1, false},
		{"5\rhello", -1, false},
		{"0x5\r\nhello\r\n", -1, false},
		{"+5\r\nhello\r\n", -1, false},
		{"-5\r\nhello\r\n", -1, false},
		{"5,\r\nhello\r\n", -1, false},
		{"1000000000000000\r\n", -1, false},
		{"5\r\nhelloworld", -1, false},
		{"5\r\nhello\n0\r\n\r\n", -1, false},
		{"5\r\nhello\rX", -1, false},
		{"5\r\nhello0\r\n\r\n", -1, false},
		{"0\r\nX: y\n\r\n", -1, false},
		{"0\r\n X: y\r\n\r\n", -1, false},
		{"0\r\nX : y\r\n\r\n", -1, false},
		{"0\r\nX\r\n\r\n", -1, false},
		{"0\r\n\n", -1, false},
		{"5;a\n\r\nhello\r\n", -1, false},
		{"5;a\x00\r\nhello\r\n", -1, false},
		{"5;" + strings.Repeat("a", maxChunkExtension+1) + "\r\n", -1, false},
		{"0\r\nX: " + strings.Repeat("a", maxTrailerBytes) + "\r\n\r\n", -1, false},
	} {
		for _, step := range []int{1, 2, 3, 1 << 20} {
			n, done, err := scanInSteps(c.in, step)
			if c.n < 0 {
				if err == nil {
					t.Errorf("%.60q in steps of %d: accepted", c.in, step)
				}
				continue
			}
			if err != nil || n != c.n || done != c.done {
				t.Errorf("%.60q in steps of %d: got %d, %v, %v", c.in, step, n, done, err)
			}
		}
	}
}

func scanInSteps(in string, step int) (n int, done bool, err error) {
	var s chunkScanner
	for n < len(in) && !done && err == nil {
		var k int
		k, done, err = s.scan([]byte(in[n:min(n+step, len(in))]))
		n += k
	}
	return n, done, err
}

// FuzzChunkScanner checks that a message that is accepted ends at the same
// place to net/http's reader.
func FuzzChunkScanner(f *testing.F) {
	f.Add([]byte("5\r\nhello\r\n0\r\n\r\n"), 3)
	f.Add([]byte("5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\nmore"), 1)
	f.Add([]byte("5\nhello\n0\n\n"), 7)
	f.Add([]byte("fffffffffffffff\r\n"), 2)
	f.Fuzz(func(t *testing.T, in []byte, step int) {
		step = max(1, step&0xfff)
		n, done, err := scanInSteps(string(in), step)
		if n > len(in) {
			t.Fatalf("%q: took %d bytes", in, n)
		}
		if err != nil || !done {
			return
		}
		src := bytes.NewReader(in[:n])
		if _, err := io.ReadAll(httputil.NewChunkedReader(src)); err != nil {
			t.Fatalf("%q: net/http refuses it: %v", in[:n], err)
		}
	})
}
