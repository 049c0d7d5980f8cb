package proxy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http/httputil"
	"strings"
	"testing"
)

// fieldList collects the fields of trailers.
type fieldList []string

func (l *fieldList) trailerField(name, value []byte) {
	*l = append(*l, string(name)+"="+string(value))
}

// decodeInSteps decodes bytes that come step by step, each in a buffer of its
// own that has others around it.
func decodeInSteps(t testing.TB, in []byte, step int) (data []byte, n int, done bool, fields fieldList, err error) {
	var s chunkScanner
	s.sink = &fields
	for n < len(in) && !done && err == nil {
		piece := in[n:min(n+step, len(in))]
		space := append(append([]byte("<<"), piece...), ">>"...)
		b := space[2 : 2+len(piece)]
		var got, took int
		got, took, done, err = s.decode(b)
		if got > took || took > len(b) || !done && err == nil && took < len(b) {
			t.Fatalf("%q in steps of %d: %d bytes of data, %d of %d taken", in, step, got, took, len(b))
		}
		if !bytes.Equal(space[2+took:], append(bytes.Clone(piece[took:]), ">>"...)) || string(space[:2]) != "<<" {
			t.Fatalf("%q in steps of %d: bytes around the message were changed", in, step)
		}
		data = append(data, b[:got]...)
		n += took
	}
	return data, n, done, fields, err
}

func TestChunkDecoding(t *testing.T) {
	long := strings.Repeat("0123456789", 5000)
	for _, c := range []struct {
		in, data, fields string
		left             int // bytes behind the message; -1: it is refused
	}{
		{"0\r\n\r\n", "", "[]", 0},
		{"5\r\nhello\r\n0\r\n\r\n", "hello", "[]", 0},
		{"5\r\nhello\r\n0\r\n\r\n0\r\n\r\n", "hello", "[]", 5},
		{"1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\nHTTP/1.1", "abc", "[]", 8},
		{"5;x=y\r\n0\r\n\r\n\r\n0\r\nA: b\r\nA:c \r\nB:\r\n\r\n", "0\r\n\r\n", "[A=b A=c B=]", 0},
		{fmt.Sprintf("%x\r\n%s\r\n%X;q=\"1\"\r\n%s\r\n000\r\n\r\n", len(long), long, len(long), long), long + long, "[]", 0},
		{strings.Repeat("1\r\nx\r\n", 5000) + "0\r\n\r\n", strings.Repeat("x", 5000), "[]", 0},
		{"3\r\nabc\r\nz", "abc", "[]", -1},
		{"3\r\nabcd\r\n", "abc", "[]", -1},
		{"0\r\nA: b\r\n c\r\n\r\n", "", "[A=b]", -1},
		{strings.Repeat("1;"+strings.Repeat("e", 1000)+"\r\nx\r\n", 65) + "1;" + strings.Repeat("e", 1000), strings.Repeat("x", 65), "[]", -1},
	} {
		for _, step := range []int{1, 2, 3, 5, 7, 1000, 1 << 20} {
			data, n, done, fields, err := decodeInSteps(t, []byte(c.in), step)
			if string(data) != c.data || fmt.Sprint(fields) != c.fields || done != (err == nil) || (err != nil) != (c.left < 0) {
				t.Errorf("%.60q in steps of %d: %d bytes, fields %s, done %t, %v", c.in, step, len(data), fields, done, err)
			}
			if c.left >= 0 {
				wantEqual(t, "bytes left", len(c.in)-n, c.left)
			}
		}
	}
}

// FuzzChunkDecoding checks that a message which is accepted is the same to
// net/http's reader, however it comes in, and that scanning and decoding agree.
func FuzzChunkDecoding(f *testing.F) {
	for _, in := range []string{
		"5\r\nhello\r\n0\r\n\r\n", "5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\nmore", "1\r\na\r\n2\r\nbc\r\n0\r\n\r\n",
		"00000005\r\n0\r\n\r\n\r\n0\r\n\r\n", "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", "5\nhello\n0\n\n", "fffffffffffffff\r\nx",
	} {
		f.Add([]byte(in), 1)
		f.Add([]byte(in), 3)
		f.Add([]byte(in), 1000)
	}
	f.Fuzz(func(t *testing.T, in []byte, step int) {
		step = max(1, step&0xfff)
		data, n, done, fields, err := decodeInSteps(t, in, step)
		scanned, scanDone, scanErr := scanInSteps(string(in), step)
		if scanned != n || scanDone != done || fmt.Sprint(scanErr) != fmt.Sprint(err) {
			t.Fatalf("%q: decoded %d, %t, %v; scanned %d, %t, %v", in, n, done, err, scanned, scanDone, scanErr)
		}
		whole, wholeN, wholeDone, wholeFields, wholeErr := decodeInSteps(t, in, len(in)+1)
		if !bytes.Equal(whole, data) || wholeN != n || wholeDone != done || fmt.Sprint(wholeFields, wholeErr) != fmt.Sprint(fields, err) {
			t.Fatalf("%q: in one piece %q, %d, %t, %v; in pieces %q, %d, %t, %v", in, whole, wholeN, wholeDone, wholeErr, data, n, done, err)
		}
		reader := httputil.NewChunkedReader(bytes.NewReader(in[:n]))
		want, readErr := io.ReadAll(reader)
		switch {
		case err != nil:
			// what came before may be data to both, but not more of it to us
			if !bytes.HasPrefix(want, data) && !bytes.HasPrefix(data, want) {
				t.Fatalf("%q: %q, to net/http %q", in, data, want)
			}
		case done && (readErr != nil || !bytes.Equal(want, data)):
			t.Fatalf("%q: %q, to net/http %q, %v", in, data, want, readErr)
		case !done && (!errors.Is(readErr, io.ErrUnexpectedEOF) && readErr != nil || !bytes.Equal(want, data)):
			t.Fatalf("%q is incomplete: %q, to net/http %q, %v", in, data, want, readErr)
		}
	})
}
