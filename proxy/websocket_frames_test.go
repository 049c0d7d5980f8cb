package proxy

import "testing"

func TestFrameScannerSeesTheEnd(t *testing.T) {
	for _, c := range []struct {
		bytes  string
		closed bool
	}{
		{"", false},
		{"\x81\x05hello", false},
		{"\x88", false},
		{"\x88\x02\x03", false},
		{"\x88\x02\x03\xe9", true},
		{"\x81\x01a\x88\x80\x01\x02\x03\x04", true},
		{"\x8a\x00", false},
	} {
		var s frameScanner
		if s.scan([]byte(c.bytes)); s.closed() != c.closed {
			t.Errorf("%q: closed %v", c.bytes, s.closed())
		}
	}
}
