package wire

import (
	"strings"
	"testing"
)

// reply returns a response with the header lines and a short body, and what a
// client gets of it if that is what passes.
func fieldsCase(name string, sent, passes []string) responseCase {
	return responseCase{
		name: name, body: "hi",
		reply:  headOK + "Content-Length: 2\r\n" + strings.Join(sent, "\r\n") + "\r\n\r\nhi",
		fields: append([]string{"Content-Type: a/b", "Content-Length: 2"}, passes...),
	}
}

// TestResponseHopByHop covers what of a response's header is for the proxy
// alone (RFC 9110 §7.6.1).
func TestResponseHopByHop(t *testing.T) {
	runResponses(t, []responseCase{
		fieldsCase("a name", []string{"Connection: X-Foo", "X-Foo: 1", "X-Bar: 2"}, []string{"X-Bar: 2"}),
		fieldsCase("close and a name", []string{"Connection: close, X-Foo", "X-Foo: 1"}, nil),
		fieldsCase("names in odd case", []string{"connection: x-fOO", "X-Foo: 1", "X-Bar: 1"}, []string{"X-Bar: 1"}),
		fieldsCase("several lines", []string{"Connection: X-A", "Connection: X-B", "X-A: 1", "X-B: 1", "X-A: 2"}, nil),
		fieldsCase("close in the first of two lines", []string{"Connection: close", "Connection: X-B", "X-B: 1"}, nil),
		fieldsCase("empty elements", []string{"Connection: ,, X-A ,\t", "X-A: 1"}, nil),
		fieldsCase("cookies", []string{"Connection: Set-Cookie", "Set-Cookie: a=b"}, nil),
		fieldsCase("Keep-Alive", []string{"Connection: keep-alive", "Keep-Alive: timeout=5"}, nil),
		fieldsCase("Keep-Alive alone", []string{"Keep-Alive: timeout=5"}, nil),
		fieldsCase("Proxy-Connection", []string{"Proxy-Connection: keep-alive"}, nil),
		fieldsCase("Proxy-Authenticate", []string{"Proxy-Authenticate: Basic"}, nil),
		fieldsCase("Upgrade", []string{"Connection: Upgrade", "Upgrade: h2c"}, nil),
		fieldsCase("Upgrade without Connection", []string{"Upgrade: h2,h2c"}, nil),
		fieldsCase("TE", []string{"TE: trailers"}, nil),
		fieldsCase("Alt-Svc, which is for another host", []string{"Alt-Svc: h2=\"evil.example:443\""}, nil),
		fieldsCase("our Via stays", []string{"Connection: Via"}, nil),
		{
			name: "the length is not named away", body: "hi", fields: []string{"Content-Type: a/b"},
			reply: headOK + "Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
		},
	})
}

// TestResponseFields covers what goes on to the client as it is.
func TestResponseFields(t *testing.T) {
	same := func(name string, lines ...string) responseCase { return fieldsCase(name, lines, lines) }
	long := strings.Repeat("v", 32<<10)
	runResponses(t, []responseCase{
		same("several lines in order", "Set-Cookie: b=1", "X-A: 1", "Set-Cookie: a=2", "Set-Cookie: b=3"),
		same("the backend's name", "Server: nginx/1.2"),
		same("bytes above 0x7f", "X-L: caf\xe9 \xff"),
		same("empty value", "X-E:"),
		same("long value", "X-Long: "+long),
		same("validators", "ETag: W/\"x\"", "Last-Modified: Mon, 02 Jan 2006 15:04:05 GMT", "Age: 3"),
		same("encoding", "Content-Encoding: gzip", "Vary: Accept-Encoding"),
		same("all characters of names", "x!#$%&'*+-.^`|~09: 1"),
		same("an underscore in a name", "X_U: 1"),
		same("placeholders of Caddy", "X-P: {http.request.host} {env.PATH}"),
		same("the backend's date", "Date: Mon, 02 Jan 2006 15:04:05 GMT"),
		same("location", "Location: http://other.example/x?y#z"),
		same("authentication", "WWW-Authenticate: Basic realm=\"x\"", "Www-Authenticate: Digest"),
		fieldsCase("space around a value", []string{"X-S: \t a  b \t"}, []string{"X-S: a  b"}),
		fieldsCase("no space before a value", []string{"X-S:a"}, []string{"X-S: a"}),
		{name: "no content type is made up", reply: "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", body: "<html>", fields: []string{"Content-Length: 6"}},
		{name: "no content type is made up, chunked", reply: "HTTP/1.1 200 OK\r\n" + chunked + "\r\n6\r\n<html>\r\n0\r\n\r\n", body: "<html>"},
		{name: "an empty content type", reply: "HTTP/1.1 200 OK\r\nContent-Type:\r\nContent-Length: 6\r\n\r\n<html>", body: "<html>", fields: []string{"Content-Type:", "Content-Length: 6"}},
	})
}

// TestResponseVia: the chain of proxies goes on (RFC 9110 §7.6.3).
func TestResponseVia(t *testing.T) {
	s := plain.take(t)
	s.backend(t).replying(headOK + "Via: 1.0 fred, 1.1 p.example\r\nContent-Length: 0\r\n\r\n")
	a := overHTTP1(t, s, "GET", "/")
	via := strings.Join(a.values("Via"), ", ")
	if !strings.Contains(via, "1.0 fred, 1.1 p.example") || !strings.Contains(via, "1.1 Caddy") {
		t.Errorf("the client got Via %q", via)
	}
}

// TestResponseDate: a recipient with a clock adds the date that the backend
// did not tell, and tells it once (RFC 9110 §6.6.1).
func TestResponseDate(t *testing.T) {
	s := plain.take(t)
	s.backend(t).replying(reply200)
	if a := overHTTP1(t, s, "GET", "/"); len(a.values("Date")) != 1 {
		t.Errorf("the client got %q", a.fields)
	}
}
