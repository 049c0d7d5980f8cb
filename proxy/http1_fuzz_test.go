package proxy

import (
	"bufio"
	"bytes"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// timeless is a connection that never takes too long.
type timeless struct{ net.Conn }

func (timeless) SetReadDeadline(time.Time) error  { return nil }
func (timeless) SetWriteDeadline(time.Time) error { return nil }
func (t timeless) Write(p []byte) (int, error)    { return len(p), nil }

// exchangeWith returns an exchange on a connection, for the request r.
func exchangeWith(conn net.Conn, r *http.Request) *http1Exchange {
	w := &discard{header: make(http.Header)}
	r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, nil)
	x := &exchange{proxy: new(Proxy), r: r, w: w, method: r.Method, path: r.RequestURI}
	a := x.newAttempt(new(pool.Member))
	t := &http1Transport{dialer: &dialer{maxHead: 1 << 16}, host: "backend", keepAlive: true, idle: idleConns{limit: -1}}
	a.http1.start(a, t)
	a.http1.open()
	a.http1.conn = &http1Conn{Conn: conn}
	return &a.http1
}

// received is a response as somebody has understood it.
type received struct {
	status  int
	header  http.Header
	trailer http.Header
	body    []byte
}

// receiveHTTP1 reads a response with the HTTP/1.1 transport.
func receiveHTTP1(conn net.Conn, method string) (received, error) {
	h := exchangeWith(conn, &http.Request{Method: method, URL: &url.URL{Path: "/"}, RequestURI: "/", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: make(http.Header)})
	h.a.proxy.cfg.ResponseBuffers = 1 // the header as it came
	defer h.end()
	res, err := h.receive()
	if err != nil {
		return received{}, err
	}
	body, err := io.ReadAll(res.Body)
	return received{res.StatusCode, res.Header, res.Trailer, body}, err
}

// receiveNet reads a response with net/http.
func receiveNet(in []byte, method string) (received, error) {
	res, body, err := readFinal(bytes.NewReader(in), method)
	if err != nil {
		return received{}, err
	}
	return received{res.StatusCode, res.Header, res.Trailer, body}, nil
}

// FuzzHTTP1Response checks that a response which the transport takes means the
// same to net/http, which takes many more.
func FuzzHTTP1Response(f *testing.F) {
	for _, in := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\n\r\n",
		"HTTP/1.1 103 Hi\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n",
		"HTTP/1.0 200 OK\r\nX: a\r\nX: b\r\n\r\nuntil the end",
		"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nEtag: \"x\"\r\n\r\n",
		"HTTP/1.1 204\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0003\r\ndef\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
		"HTTP/1.1 200 OK\r\n folded: x\r\n\r\n",
	} {
		f.Add([]byte(in), 3, false)
		f.Add([]byte(in), 1000, true)
	}
	f.Fuzz(func(t *testing.T, in []byte, step int, head bool) {
		method := http.MethodGet
		if head {
			method = http.MethodHead
		}
		got, err := receiveHTTP1(timeless{&byteConn{src: bytes.NewReader(in), step: max(1, step&0xfff)}}, method)
		if err != nil {
			return
		}
		want, err := receiveNet(in, method)
		if err != nil {
			t.Fatalf("%q is taken, but not by net/http: %v", in, err)
		}
		if got.status != want.status || !bytes.Equal(got.body, want.body) {
			t.Errorf("%q: status %d and %q, to net/http %d and %q", in, got.status, got.body, want.status, want.body)
		}
		// net/http takes the framing out of the header
		for _, name := range []string{"Transfer-Encoding", "Trailer", "Connection", "Content-Length"} {
			delete(got.header, name)
			delete(want.header, name)
		}
		if !equalHeaders(got.header, want.header) {
			t.Errorf("%q: header %q, to net/http %q", in, got.header, want.header)
		}
		if !equalHeaders(filterTrailer(got.trailer, nil), filterTrailer(want.trailer, nil)) {
			t.Errorf("%q: trailer %q, to net/http %q", in, got.trailer, want.trailer)
		}
	})
}

func equalHeaders(a, b http.Header) bool {
	return maps.EqualFunc(a, b, func(x, y []string) bool { return slices.Equal(x, y) })
}

// FuzzHTTP1Request checks that a head which the transport writes is that of one
// request to net/http, the one that was meant.
func FuzzHTTP1Request(f *testing.F) {
	f.Add("GET", "/a?b=c", "example.com", "X-Name", "value", "", "keep-alive", int64(0))
	f.Add("POST", "/", "a:80", "Content-Length", "5", "", "close", int64(3))
	f.Add("PUT", "//x", "[::1]:80", "X: y\r\nZ", "v", "10.0.0.1", "X-Name", int64(-1))
	f.Add("GET", "/%2f", "a", "X", "a\r\nTransfer-Encoding: chunked", "x\r\nY: z", "", int64(0))
	f.Add("OPTIONS", "*", "a", "Connection", "upgrade", "1.2.3.4, 5.6.7.8", "te, X-Forwarded-For", int64(0))
	f.Fuzz(func(t *testing.T, method, target, host, name, value, forwarded, connection string, length int64) {
		r := &http.Request{
			Method: method, URL: &url.URL{Path: "/"}, RequestURI: target, Host: host, RemoteAddr: "192.0.2.1:1",
			Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: http.Header{name: {value}, forwardedFor: {forwarded}, "Connection": {connection}},
		}
		if !validMethod(method) || checkTarget(target) != nil || !validHost(host) || target == "" || checkRequest(r) != nil {
			return // no attempt is made then
		}
		h := exchangeWith(nil, r)
		defer func() { h.conn = nil; h.end() }()
		caddyhttp.SetVar(h.a.r.Context(), caddyhttp.TrustedProxyVarKey, true)
		hasBody := length != 0
		if h.a.length = length; hasBody {
			h.a.body = new(clientBody)
			defer func() { h.a.body = nil }()
		}
		head, err := h.appendHead(nil)
		if err != nil {
			return
		}
		sent := h.appendFraming(head, hasBody)
		src := bufio.NewReader(bytes.NewReader(sent))
		got, err := http.ReadRequest(src)
		if err != nil {
			if method == http.MethodConnect || method == "PRI" || strings.HasPrefix(target, "*") || !strings.HasPrefix(target, "/") {
				return // what they may be is checked elsewhere
			}
			t.Fatalf("net/http does not take %q: %v", sent, err)
		}
		if src.Buffered() > 0 {
			t.Fatalf("bytes behind the head in %q", sent)
		}
		if got.Method != method || got.RequestURI != target || host != "" && got.URL.Host == "" && got.Host != host {
			t.Errorf("%q: %s %s to %s", sent, got.Method, got.RequestURI, got.Host)
		}
		if hasBody && got.ContentLength != max(length, -1) {
			t.Errorf("%q: length %d, want %d", sent, got.ContentLength, length)
		}
		for field := range got.Header {
			switch field {
			case http.CanonicalHeaderKey(name), forwardedFor, forwardedProto, forwardedHost, "Via", "Content-Length", "Te":
			default:
				t.Errorf("field %s in %q", field, sent)
			}
		}
	})
}
