package wire

import (
	"slices"
	"strings"
	"testing"
)

// TestRequestTrailers covers fields after the body (RFC 9110 §6.5): those that
// may be there arrive; those that would change how a message is framed,
// routed, or who may send it, do not. Go's server gives no access to the first
// one that is not announced, which may be left out (RFC 9110 §6.5.1).
func TestRequestTrailers(t *testing.T) {
	tests := []struct {
		name     string
		head     string // the Trailer field, if any
		trailers []string
		want     []string
	}{
		{"announced", "Trailer: X-T\r\n", []string{"X-T: a"}, []string{"X-T: a"}},
		{"two, announced together", "Trailer: X-T, X-U\r\n", []string{"X-T: a", "X-U: b"}, []string{"X-T: a", "X-U: b"}},
		{"two, announced apart", "Trailer: X-T\r\nTrailer: X-U\r\n", []string{"X-T: a", "X-U: b"}, []string{"X-T: a", "X-U: b"}},
		{"announced in odd case", "tRAILER: x-t\r\n", []string{"X-t: a"}, []string{"X-T: a"}},
		{"two values of one name", "Trailer: X-T\r\n", []string{"X-T: a", "X-T: b"}, []string{"X-T: a", "X-T: b"}},
		{"announced and not there", "Trailer: X-T, X-U\r\n", []string{"X-T: a"}, []string{"X-T: a"}},
		{"announced and none there", "Trailer: X-T\r\n", nil, nil},
		{"one announced, another not", "Trailer: X-T\r\n", []string{"X-T: a", "X-U: b"}, []string{"X-T: a", "X-U: b"}},
		{"empty value", "Trailer: X-T\r\n", []string{"X-T:"}, []string{"X-T:"}},
		{"digest", "Trailer: Content-Digest\r\n", []string{"Content-Digest: sha-256=:x:"}, []string{"Content-Digest: sha-256=:x:"}},
		{"named by Connection", "Trailer: X-T\r\nConnection: X-T\r\n", []string{"X-T: a"}, nil},
		{"Trailer is named by Connection", "Connection: Trailer\r\nTrailer: X-T\r\n", []string{"X-T: a"}, []string{"X-T: a"}},
		{"placeholder", "Trailer: X-T\r\n", []string{"X-T: {http.request.host}"}, []string{"X-T: {http.request.host}"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m := sendTrailers(t, test.head, test.trailers)
			got, want := canonical(m.trailers), canonical(test.want)
			if !slices.Equal(got, want) {
				t.Errorf("the backend got the trailers %q, want %q", got, want)
			}
		})
	}
}

// TestRequestTrailersForbidden: see above. They are left out, the request goes
// on; or it is refused as a whole.
func TestRequestTrailersForbidden(t *testing.T) {
	for _, field := range []string{
		"Transfer-Encoding: chunked", "Content-Length: 3", "Host: evil.example", "Trailer: X", "Connection: close", "Keep-Alive: x",
		"Proxy-Connection: x", "Upgrade: h2c", "TE: trailers", "Authorization: Basic eDp5", "Proxy-Authorization: x", "Cookie: a=b", "Set-Cookie: a=b",
		"Content-Encoding: gzip", "Content-Type: a/b", "Content-Range: bytes 0-1/2", "Expect: 100-continue", "Cache-Control: no-store", "Max-Forwards: 1",
		"Range: bytes=0-1", "If-Match: x", "X-Forwarded-For: 6.6.6.6", "X-Forwarded-Host: e.example", "X-Forwarded-Proto: https", "Forwarded: for=6.6.6.6",
		"Via: 1.0 evil",
	} {
		for _, announced := range []bool{false, true} {
			name, _, _ := strings.Cut(field, ":")
			head := "Trailer: X-Last\r\n"
			if announced {
				head = "Trailer: X-Last, " + name + "\r\n"
			}
			t.Run(name+map[bool]string{true: ", announced"}[announced], func(t *testing.T) {
				t.Parallel()
				s := plain.take(t)
				got := s.backend(t).replying(reply200)
				client := s.dial(t)
				client.send(s.fill("POST / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n" + head +
					"\r\n5\r\nhello\r\n0\r\n" + field + "\r\nX-Last: z\r\n\r\n"))
				if a := client.readAnswer("POST"); a.status == 400 {
					return
				}
				m := got.next(t)
				if want := []string{"X-Last: z"}; !slices.Equal(m.trailers, want) {
					t.Errorf("the backend got the trailers %q, want %q", m.trailers, want)
				}
				if slices.Contains(m.fields, field) && name != "Transfer-Encoding" {
					t.Errorf("the backend got the trailer in the header: %q", m.fields)
				}
			})
		}
	}
}

// TestRequestTrailersMalformed: what is no field goes no further.
func TestRequestTrailersMalformed(t *testing.T) {
	for _, sent := range []string{
		"Trailer: X-Last\r\n\r\n5\r\nhello\r\n0\r\nX-T : a\r\nX-Last: z\r\n\r\n",
		"Trailer: X-Last\r\n\r\n5\r\nhello\r\n0\r\nX T: a\r\nX-Last: z\r\n\r\n",
		"Trailer: X-Last, X T\r\n\r\n5\r\nhello\r\n0\r\nX-Last: z\r\n\r\n",
		"Trailer: X-Last, \"\r\n\r\n5\r\nhello\r\n0\r\nX-Last: z\r\n\r\n",
		"Trailer: , X-Last,\r\n\r\n5\r\nhello\r\n0\r\nX-Last: z\r\n\r\n",
	} {
		t.Run(sent, func(t *testing.T) {
			t.Parallel()
			s := plain.take(t)
			got := s.backend(t).replying(reply200)
			client := s.dial(t)
			client.send(s.fill("POST / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n" + sent))
			a := client.readAnswer("POST")
			if a.status == 400 {
				return
			}
			a.expectStatus(t, 200)
			if m := got.next(t); !slices.Equal(m.trailers, []string{"X-Last: z"}) || m.body != "hello" {
				t.Errorf("the backend got the trailers %q after %q", m.trailers, m.body)
			}
		})
	}
}

// sendTrailers sends a request with trailers and returns what the backend got.
func sendTrailers(t *testing.T, head string, trailers []string) *message {
	t.Helper()
	s := plain.take(t)
	end := "0\r\n"
	for _, line := range trailers {
		end += line + "\r\n"
	}
	m, a := s.exchange(t, "POST / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n"+head+"\r\n5\r\nhello\r\n"+end+"\r\n", "POST")
	if m.body != "hello" || !m.complete {
		t.Errorf("the backend got the body %q", m.body)
	}
	a.expectStatus(t, 200)
	return m
}
