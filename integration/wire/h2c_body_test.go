package wire

import (
	"testing"
	"time"
)

// TestH2CWithoutBody: responses that cannot have a body have none, whatever the
// backend says of one or sends (RFC 9110 §6.4.1).
func TestH2CWithoutBody(t *testing.T) {
	tests := []struct {
		name, method, status string
		fields               []field
		data                 string
	}{
		{"204", "GET", "204", nil, ""},
		{"204 with a length", "GET", "204", []field{{"content-length", "4"}}, ""},
		{"204 with a body", "GET", "204", nil, "leak"},
		{"304", "GET", "304", nil, ""},
		{"304 with a length", "GET", "304", []field{{"content-length", "4"}}, ""},
		{"304 with a body", "GET", "304", nil, "leak"},
		{"304 with a length and a body", "GET", "304", []field{{"content-length", "4"}}, "leak"},
		{"HEAD", "HEAD", "200", []field{{"content-length", "4"}}, ""},
		{"HEAD with a body", "HEAD", "200", []field{{"content-length", "4"}}, "leak"},
	}
	for _, test := range tests {
		for name, protocol := range map[string]client{"h1": overHTTP1, "h2": overHTTP2} {
			t.Run(test.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				s := h2c.take(t)
				b := s.backend(t)
				got := make(chan *answer, 1)
				go func() { got <- protocol(t, s, test.method, "/") }()
				server := b.accept().http2Server()
				stream := server.request().StreamID
				server.headers(stream, test.data == "", append([]field{{":status", test.status}}, test.fields...)...)
				if test.data != "" {
					server.data(stream, true, test.data)
				}
				select {
				case a := <-got:
					a.expectStatus(t, mustStatus(t, test.status+" "))
					if a.body != "" {
						t.Errorf("the client got %s", a)
					}
				case <-time.After(patience):
					t.Error("the client got nothing")
				}
				s.expectIdle(t)
				s.expectFailures(t, 0)
			})
		}
	}
}
