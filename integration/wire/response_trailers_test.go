package wire

import (
	"strings"
	"testing"
)

// TestResponseTrailers covers fields after the body (RFC 9110 §6.5).
func TestResponseTrailers(t *testing.T) {
	with := func(name, announced string, trailers ...string) responseCase {
		head := headOK + chunked
		fields := plainFields
		if announced != "" {
			head += "Trailer: " + announced + "\r\n"
			fields = append([]string{"Trailer: " + announced}, fields...)
		}
		return responseCase{
			name: name, body: "hi", fields: fields, trailers: trailers, conn: kept,
			reply: head + "\r\n2\r\nhi\r\n0\r\n" + strings.Join(append(trailers, ""), "\r\n") + "\r\n",
		}
	}
	runResponses(t, []responseCase{
		with("announced", "X-T", "X-T: a"),
		with("two", "X-T, X-U", "X-T: a", "X-U: b"),
		with("two values", "X-T", "X-T: a", "X-T: b"),
		with("not announced", "", "X-T: a"),
		with("two, not announced", "", "X-T: a", "X-U: b"),
		with("digest", "Content-Digest", "Content-Digest: sha-256=:x:"),
		with("of gRPC", "Grpc-Status, Grpc-Message", "Grpc-Status: 0", "Grpc-Message: ok"),
		with("timing", "", "Server-Timing: a;dur=1"),
		{
			name: "an empty body", conn: kept, fields: append([]string{"Trailer: X-T"}, plainFields...), trailers: []string{"X-T: a"},
			reply: headOK + chunked + "Trailer: X-T\r\n\r\n0\r\nX-T: a\r\n\r\n",
		},
	})
}

// TestResponseTrailersSome: of several announced trailers only some come.
func TestResponseTrailersSome(t *testing.T) {
	for name, client := range map[string]client{"h1": overHTTP1, "h2": overHTTP2} {
		for trailers, want := range map[string]string{"X-T: a\r\n": "x-t: a", "X-T: a\r\nX-Other: b\r\n": "x-t: a", "": ""} {
			t.Run(name+"/"+trailers, func(t *testing.T) {
				t.Parallel()
				s := plain.take(t)
				s.backend(t).replying(headOK + chunked + "Trailer: X-T, X-U\r\n\r\n2\r\nhi\r\n0\r\n" + trailers + "\r\n")
				a := client(t, s, "GET", "/")
				a.expectStatus(t, 200)
				if got := strings.Join(a.trailers, ","); !strings.Contains(got, want) || strings.Contains(got, "x-u: ") {
					t.Errorf("the client got the trailers %q", got)
				}
			})
		}
	}
}

// TestResponseTrailersForbidden: trailers that would change what the message
// is are left out, or the response is not complete.
func TestResponseTrailersForbidden(t *testing.T) {
	for _, field := range []string{
		"Transfer-Encoding: chunked", "Content-Length: 5", "Trailer: X-Leak", "Connection: close", "Keep-Alive: x", "Proxy-Connection: x", "Upgrade: h2c",
		"Host: evil.example", "Content-Encoding: gzip", "Content-Type: text/leak", "Content-Range: bytes 0-1/2", "Set-Cookie: leak=1", "Cache-Control: no-store",
		"Location: http://leak.example", "WWW-Authenticate: Basic", "Proxy-Authenticate: Basic", "Authorization: x", "Alt-Svc: h2=\":1\"", "Vary: x", "Age: 5", "Via: 1.0 leak",
	} {
		for name, client := range map[string]client{"h1": overHTTP1, "h2": overHTTP2} {
			for _, announced := range []string{"", "Trailer: " + strings.SplitN(field, ":", 2)[0] + "\r\n"} {
				t.Run(field+"/"+announced+name, func(t *testing.T) {
					t.Parallel()
					s := plain.take(t)
					s.backend(t).replying(headOK + chunked + announced + "\r\n2\r\nhi\r\n0\r\n" + field + "\r\n\r\n")
					a := client(t, s, "GET", "/")
					if a.status == 502 || a.status == 200 && !a.complete {
						return
					}
					a.expectStatus(t, 200)
					for _, line := range a.trailers {
						t.Errorf("the client got the trailer %q", line)
					}
					for _, line := range canonical([]string{field}) {
						name, value, _ := strings.Cut(line, ": ")
						for _, v := range a.values(name) {
							if v == value && name != "transfer-encoding" {
								t.Errorf("the client got the trailer in the header: %q", a.fields)
							}
						}
					}
				})
			}
		}
	}
}
