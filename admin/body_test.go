package admin

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestLargestBody sends the largest body that is taken, and one byte more.
func TestLargestBody(t *testing.T) {
	s := newServer(t, two())
	body := newBackend + strings.Repeat(" ", maxBody-len(newBackend))
	s.want(s.do("POST", allBackends, body+" "), 413, codeTooLarge)
	s.want(s.do("POST", allBackends, body), 201, "")
}

// TestEndlessBody makes sure that a body which does not end is not read on and
// on, and that a client which asks first is told before it sends any of it.
func TestEndlessBody(t *testing.T) {
	s := newServer(t, two())
	for name, head := range map[string]string{
		"in chunks":   "Transfer-Encoding: chunked\r\n",
		"of a length": "Content-Length: 1000000000\r\n",
		"asks first":  "Content-Length: 1000000000\r\nExpect: 100-continue\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
				t.Fatal(err)
			}
			if _, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n%s\r\n", allBackends, head); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(head, "Expect") {
				resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Fatal(err)
				}
				if resp.Body.Close(); resp.StatusCode != http.StatusRequestEntityTooLarge {
					t.Errorf("status %d", resp.StatusCode)
				}
				return
			}
			chunk := "10000\r\n" + strings.Repeat(" ", 0x10000) + "\r\n"
			sent := 0
			for {
				n, err := conn.Write([]byte(chunk))
				sent += n
				if err != nil {
					break // the server has closed the connection
				}
				if sent > 64<<20 {
					t.Fatal("the server reads on")
				}
			}
			if s.revision("web") != 1 {
				t.Error("something has changed")
			}
		})
	}
}

// TestPageOfAnotherSite sends what a browser lets the page of any site send
// without asking: it must not change anything.
func TestPageOfAnotherSite(t *testing.T) {
	s := newServer(t, two())
	for _, contentType := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=a"} {
		for _, path := range []string{allBackends, shortcut} {
			s.want(s.do("POST", path, newBackend, "Content-Type", contentType), 415, codeNotJSON)
		}
	}
	s.want(s.do("GET", shortcut+"?force=true", ""), 400, codeUnknownParameter)
	s.want(s.do("POST", oneBackend, "", "X-HTTP-Method-Override", "DELETE"), 405, codeMethodNotAllowed)
	if s.revision("web") != 1 {
		t.Error("something has changed")
	}
}
