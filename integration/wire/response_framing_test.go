package wire

import (
	"testing"
)

const (
	headOK  = "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\n"
	chunked = "Transfer-Encoding: chunked\r\n"
)

// plainFields are the fields of headOK.
var plainFields = []string{"Content-Type: a/b"}

// TestResponseFraming covers how the end of a body is found (RFC 9112 §6.3).
func TestResponseFraming(t *testing.T) {
	bad := func(name, fields, body string) responseCase {
		return responseCase{name: name, reply: "HTTP/1.1 200 OK\r\nX-Leak: 1\r\n" + fields + "\r\n" + body, want: refused, conn: closed}
	}
	length := func(n string) []string { return []string{"Content-Type: a/b", "Content-Length: " + n} }
	const chunks = "4\r\nleak\r\n0\r\n\r\n"
	runResponses(t, []responseCase{
		{name: "length", reply: headOK + "Content-Length: 2\r\n\r\nhi", fields: length("2"), body: "hi", conn: kept},
		{name: "length 0", reply: headOK + "Content-Length: 0\r\n\r\n", fields: length("0"), conn: kept},
		{name: "chunked", reply: headOK + chunked + "\r\n2\r\nhi\r\n0\r\n\r\n", fields: plainFields, body: "hi", conn: kept},
		{name: "chunked, in odd case", reply: headOK + "transfer-ENCODING: cHuNkEd\r\n\r\n2\r\nhi\r\n0\r\n\r\n", fields: plainFields, body: "hi", conn: kept},
		{name: "chunked, empty", reply: headOK + chunked + "\r\n0\r\n\r\n", fields: plainFields, conn: kept},
		{name: "chunked, extensions", reply: headOK + chunked + "\r\n2;a=b;c=\"d\"\r\nhi\r\n0;e\r\n\r\n", fields: plainFields, body: "hi", conn: kept},
		{name: "chunked, zeros before sizes", reply: headOK + chunked + "\r\n0002\r\nhi\r\n000\r\n\r\n", fields: plainFields, body: "hi", conn: kept},
		{name: "until the connection closes", reply: headOK + "\r\nhi", end: finishes, fields: plainFields, body: "hi"},
		{name: "until the connection closes, with close", reply: headOK + "Connection: close\r\n\r\nhi", end: finishes, fields: plainFields, body: "hi"},
		{name: "HTTP/1.0 until the connection closes", reply: "HTTP/1.0 200 OK\r\nContent-Type: a/b\r\n\r\nhi", end: finishes, fields: plainFields, body: "hi"},
		{name: "close beside a length", reply: headOK + "Connection: close\r\nContent-Length: 2\r\n\r\nhi", fields: length("2"), body: "hi", conn: closed},
		{name: "close in odd case and a list", reply: headOK + "Connection: x-a,\tCLOSE\r\nContent-Length: 2\r\n\r\nhi", fields: length("2"), body: "hi", conn: closed},
		{name: "close in the second line", reply: headOK + "Connection: x-a\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi", fields: length("2"), body: "hi", conn: closed},
		{name: "close beside chunks", reply: headOK + "Connection: close\r\n" + chunked + "\r\n2\r\nhi\r\n0\r\n\r\n", fields: plainFields, body: "hi", conn: closed},
		{name: "HTTP/1.0 is not kept", reply: "HTTP/1.0 200 OK\r\nContent-Type: a/b\r\nContent-Length: 2\r\n\r\nhi", fields: length("2"), body: "hi", conn: closed},

		bad("two lengths", "Content-Length: 4\r\nContent-Length: 5\r\n", "leak!"),
		bad("list of lengths that differ", "Content-Length: 4, 5\r\n", "leak!"),
		bad("length with plus", "Content-Length: +4\r\n", "leak"),
		bad("negative length", "Content-Length: -4\r\n", "leak"),
		bad("length of letters", "Content-Length: four\r\n", "leak"),
		bad("hexadecimal length", "Content-Length: 0x4\r\n", "leak"),
		bad("empty length", "Content-Length:\r\n", "leak"),
		bad("length with a space inside", "Content-Length: 4 4\r\n", "leak"),
		bad("length with a fraction", "Content-Length: 4.0\r\n", "leak"),
		bad("length too large for any integer", "Content-Length: 18446744073709551620\r\n", "leak"),
		bad("length and a semicolon", "Content-Length: 4;\r\n", "leak"),
		bad("length and chunks", "Content-Length: 4\r\n"+chunked, chunks),
		bad("chunks and length", chunked+"Content-Length: 4\r\n", chunks),
		bad("chunks and a bad length", chunked+"Content-Length: x\r\n", chunks),
		bad("length and an unknown coding", "Content-Length: 4\r\nTransfer-Encoding: x\r\n", "leak"),
		bad("gzip, chunked", "Transfer-Encoding: gzip, chunked\r\n", chunks),
		bad("gzip", "Transfer-Encoding: gzip\r\n", "leak"),
		bad("chunked, gzip", "Transfer-Encoding: chunked, gzip\r\n", chunks),
		bad("chunked twice", "Transfer-Encoding: chunked, chunked\r\n", chunks),
		bad("chunked in two lines", chunked+chunked, chunks),
		bad("identity", "Transfer-Encoding: identity\r\n", "leak"),
		bad("identity, chunked", "Transfer-Encoding: identity, chunked\r\n", chunks),
		bad("xchunked", "Transfer-Encoding: xchunked\r\n", chunks),
		bad("chunked with a parameter", "Transfer-Encoding: chunked;a=b\r\n", chunks),
		bad("chunked in quotes", "Transfer-Encoding: \"chunked\"\r\n", chunks),
		bad("vertical tab before chunked", "Transfer-Encoding: \vchunked\r\n", chunks),
		bad("space before the colon", "Transfer-Encoding : chunked\r\n", chunks),
		bad("empty coding", "Transfer-Encoding:\r\n", "leak"),
		{name: "chunks from HTTP/1.0", why: "RFC 9112 §6.1: faulty framing", reply: "HTTP/1.0 200 OK\r\nX-Leak: 1\r\n" + chunked + "\r\n" + chunks, end: finishes, want: refused, conn: closed},
		{name: "chunks from HTTP/1.0 that wants to be kept", reply: "HTTP/1.0 200 OK\r\nX-Leak: 1\r\nConnection: keep-alive\r\n" + chunked + "\r\n" + chunks, want: refused, conn: closed},
	})
}

// TestResponseSameLengthTwice: equal lengths become one, or the response is
// refused (RFC 9110 §8.6).
func TestResponseSameLengthTwice(t *testing.T) {
	for _, fields := range []string{"Content-Length: 2, 2\r\n", "Content-Length: 2\r\nContent-Length: 2\r\n"} {
		t.Run(fields, func(t *testing.T) {
			t.Parallel()
			s := plain.take(t)
			s.backend(t).replying(headOK + fields + "\r\nhi")
			a := overHTTP1(t, s, "GET", "/")
			if a.status == 502 {
				return
			}
			a.expectStatus(t, 200)
			a.expectFields(t, "Via: 1.1 Caddy", "Content-Type: a/b", "Content-Length: 2")
		})
	}
}

// TestResponseTruncated: a body that ends too early, or in garbage, never looks
// complete (RFC 9112 §8).
func TestResponseTruncated(t *testing.T) { runResponses(t, truncations()) }

// TestResponseTruncatedOldClient: to a client of HTTP/1.0 the end of the
// connection is the end of a response without a length, unless it is an RST.
func TestResponseTruncatedOldClient(t *testing.T) {
	for _, c := range truncations() {
		for name, protocol := range map[string]client{"h1.0": overOldHTTP, "h1.0, TLS": overOldHTTPS} {
			t.Run(c.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				c.run(t, plain, protocol)
			})
		}
	}
}

func truncations() []responseCase {
	cut := func(name, raw, body string) []responseCase {
		return []responseCase{
			{name: name + ", FIN", reply: headOK + raw, end: finishes, want: aborted, body: body},
			{name: name + ", RST", reply: headOK + raw, end: resets, want: aborted, body: body},
		}
	}
	var cases []responseCase
	for _, c := range [][]responseCase{
		cut("short of its length", "Content-Length: 10\r\n\r\nhello", "hello"),
		cut("none of its length", "Content-Length: 10\r\n\r\n", ""),
		cut("without the last chunk", chunked+"\r\n5\r\nhello\r\n", "hello"),
		cut("inside a chunk", chunked+"\r\nff\r\nhello", "hello"),
		cut("inside a chunk size", chunked+"\r\n5\r\nhello\r\n5", "hello"),
		cut("after a chunk's data", chunked+"\r\n5\r\nhello", "hello"),
		cut("before any chunk", chunked+"\r\n", ""),
		cut("after the last chunk", chunked+"\r\n5\r\nhello\r\n0\r\n", "hello"),
		cut("inside the last chunk", chunked+"\r\n5\r\nhello\r\n0", "hello"),
		cut("inside a trailer", chunked+"\r\n5\r\nhello\r\n0\r\nX-T: a", "hello"),
	} {
		cases = append(cases, c...)
	}
	for name, chunk := range map[string]string{
		"size of letters": "xyz\r\n", "negative size": "-1\r\n", "size with plus": "+5\r\nhello\r\n", "size with 0x": "0x5\r\nhello\r\n",
		"empty size": "\r\n", "space before the size": " 5\r\nhello\r\n", "huge size": "fffffffffffffffff\r\n", "underscore in the size": "1_0\r\n",
		"data longer than the size": "2\r\nhello\r\n", "data without CRLF": "5\r\nhelloXX", "NUL in the size": "5\x00\r\nhello\r\n",
		"bare CR in an extension": "5;a\rb\r\nhello\r\n", "a comma for a semicolon": "5,a\r\nhello\r\n", "malformed trailer": "0\r\nbad trailer\r\n\r\n",
		"trailer with NUL": "0\r\nX-T: a\x00\r\n\r\n", "trailer with a space before the colon": "0\r\nX-T : a\r\n\r\n",
	} {
		cases = append(cases, responseCase{
			name: name, reply: headOK + chunked + "\r\n5\r\nhello\r\n" + chunk + "5\r\nhello\r\n0\r\n\r\n",
			want: aborted, conn: closed, body: "hellohellohellohe",
		})
	}
	return cases
}
