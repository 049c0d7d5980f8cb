package proxy

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A body that lasts until the backend closes the connection is complete with a
// FIN, and with nothing else. The system tells of an RST once only, and of the
// end of the stream from then on: whoever hears of it first must pass it on.
func TestResetOfABodyUntilClose(t *testing.T) {
	for _, c := range []struct {
		name    string
		request string
		sent    string
	}{
		{"while its beginning is waited for", plainGet, ""},
		{"while more of it is waited for", plainGet, "begun"},
		{"while the request is being sent", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n", "begun"},
		{"while the request comes in", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf", "begun"},
	} {
		t.Run(c.name, func(t *testing.T) {
			seen := make(chan struct{})
			h := start(t, to(rawBackend(t, func(p *peer) {
				p.head()
				p.send("HTTP/1.1 200 OK\r\n\r\n" + c.sent)
				<-seen
				time.Sleep(2 * watchPatience) // nothing comes for a while, so no memory is kept for it
				_ = p.Conn.(*net.TCPConn).SetLinger(0)
				_ = p.Close()
			})))
			client := h.dial()
			client.send(c.request)
			flood := make(chan struct{})
			go func() {
				defer close(flood)
				if strings.Contains(c.request, "100000000") {
					piece := make([]byte, 1<<16)
					for sent := 0; sent < 99_000_000; sent += len(piece) {
						if _, err := client.Write(piece); err != nil {
							return
						}
					}
				}
			}()
			res, err := http.ReadResponse(client.br, &http.Request{Method: "GET"})
			close(seen)
			if err != nil {
				t.Fatalf("no response: %v", err)
			}
			body, err := io.ReadAll(res.Body)
			if err == nil {
				t.Errorf("the response looks complete, with %q", body)
			}
			_ = client.Close()
			<-flood
		})
	}
}
