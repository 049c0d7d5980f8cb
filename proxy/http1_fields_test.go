package proxy

import (
	"net/http"
	"strings"
	"testing"
)

// Other handlers may put what they like into the header of a request. It must
// not become more fields, or another request, to the backend.
func TestFieldsOfOtherHandlersCannotSplitRequests(t *testing.T) {
	const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n"
	for _, c := range []struct{ fields, name, value string }{
		{"", "X-A", "a\r\nX-Injected: 1"},
		{"", "X-A: a\r\nX-Injected", "1"},
		{upgrade, "X-A", "a\r\nX-Injected: 1"},
		{upgrade, "X-A: a\r\nX-Injected", "1"},
		{upgrade, "X-A", "a\r\n\r\nGET /injected HTTP/1.1\r\nHost: a\r\n\r\n"},
		{"Max-Forwards: 5\r\n", "X-A", "a\nX-Injected: 1"},
		{"Content-Length: 1\r\n", "Expect", "100-continue\r\nX-Injected: 1"},
	} {
		heads := make(chan string, 4)
		h := start(t, to(rawBackend(t, capturing(heads))))
		h.before = func(_ http.ResponseWriter, r *http.Request) {
			r.Header[c.name] = []string{c.value}
			if strings.HasPrefix(c.fields, "Max-Forwards") {
				r.Method = http.MethodOptions
			}
		}
		res, _ := h.exchange("GET / HTTP/1.1\r\nHost: a\r\n" + c.fields + "\r\n")
		if res.StatusCode < 400 {
			t.Errorf("%q: %q: status %d", c.fields, c.value, res.StatusCode)
		}
		h.release()
		select {
		case head := <-heads:
			t.Errorf("%q: %q: the backend got %q", c.fields, c.value, head)
		default:
		}
	}
}
