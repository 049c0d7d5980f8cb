package proxy

import (
	"strings"
	"testing"
)

// net/http drops a Connection field that says `close`; the names beside it must
// not get through for that.
func TestNamesBesideClose(t *testing.T) {
	h := start(t, to(rawBackend(t, func(p *peer) {
		for p.head() != "" {
			p.send("HTTP/1.1 103 Early Hints\r\nConnection: close, X-Hint\r\nX-Hint: 1\r\nX-Kept: 1\r\n\r\n" +
				"HTTP/1.1 200 OK\r\nConnection: X-One, close\r\nConnection: X-Two\r\nX-One: 1\r\nX-Two: 2\r\nX-Kept: 3\r\nContent-Length: 0\r\n\r\n")
		}
	})))
	client := h.dial()
	client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	for _, status := range []string{"HTTP/1.1 103 ", "HTTP/1.1 200 "} {
		head := client.head()
		if !strings.HasPrefix(head, status) || len(fields(head, "X-Kept")) != 1 {
			t.Errorf("head %q, want status %q and X-Kept", head, status)
		}
		for _, name := range []string{"X-Hint", "X-One", "X-Two"} {
			if len(fields(head, name)) > 0 {
				t.Errorf("%s reached the client in %q", name, head)
			}
		}
	}
}

func TestTargetIsOneWord(t *testing.T) {
	for target, ok := range map[string]bool{
		"/": true, "/a?b": true, "*": true, "/\xc3\xa9": true, "/a%20b": true,
		"/ HTTP/1.1": false, "/a\tb": false, "/a\r\nX: y": false, "/\x00": false, "/?\x7f": false,
	} {
		if err := checkTarget(target); (err == nil) != ok {
			t.Errorf("target %q: %v", target, err)
		}
	}
}

func TestLengthField(t *testing.T) {
	for _, c := range []struct {
		values []string
		ok     bool
	}{
		{nil, true},
		{[]string{"0"}, true},
		{[]string{"12"}, true},
		{[]string{""}, false},
		{[]string{"-1"}, false},
		{[]string{"+1"}, false},
		{[]string{"0x1"}, false},
		{[]string{"1, 1"}, false},
		{[]string{"1", "1"}, false},
	} {
		if got := validLengthField(c.values); got != c.ok {
			t.Errorf("Content-Length %q: valid is %v", c.values, got)
		}
	}
}
