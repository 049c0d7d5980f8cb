package proxy

import (
	"io"
	"net/http"
	"net/url"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
)

// discard is a client that wants to know nothing.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(int)             {}

// lean returns the proxy of a backend that answers small GETs at once.
func lean(t testing.TB) *Proxy {
	t.Helper()
	answer := "HTTP/1.1 200 OK\r\nServer: x\r\nDate: Tue, 24 Nov 2026 20:59:58 GMT\r\nContent-Type: text/plain\r\n" +
		"Content-Length: 5\r\nConnection: keep-alive\r\n\r\nhello"
	h := provision(t, to(rawBackend(t, func(p *peer) {
		buf := make([]byte, 4096)
		for {
			if _, err := p.Conn.Read(buf); err != nil {
				return
			}
			if _, err := io.WriteString(p.Conn, answer); err != nil {
				return
			}
		}
	})))
	h.proxy.logger = zap.NewNop()
	t.Cleanup(h.release)
	return h.proxy
}

// smallGET prepares a request as Caddy's server does.
func smallGET(w http.ResponseWriter) *http.Request {
	r := &http.Request{
		Method: "GET", URL: &url.URL{Path: "/some/path", RawQuery: "a=b"}, RequestURI: "/some/path?a=b",
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Host: "example.com", RemoteAddr: "192.0.2.7:1234",
		Header: http.Header{"User-Agent": {"curl/8.0"}, "Accept": {"*/*"}, "Accept-Encoding": {"gzip"}}, Body: http.NoBody,
	}
	return caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, nil)
}

// A small GET costs the whole handler twelve allocations at most.
func TestSmallGETAllocations(t *testing.T) {
	if overNet {
		return // nobody has promised anything of net/http's transport
	}
	proxy := lean(t)
	w := &discard{header: make(http.Header)}
	prepare := testing.AllocsPerRun(200, func() {
		clear(w.header)
		smallGET(w)
	})
	all := testing.AllocsPerRun(200, func() {
		clear(w.header)
		if err := proxy.ServeHTTP(w, smallGET(w)); err != nil {
			t.Error(err)
		}
	})
	t.Logf("%v allocations, of which %v are not the handler's", all, prepare)
	if all-prepare > 12 {
		t.Errorf("the handler makes %v allocations", all-prepare)
	}
}

func BenchmarkSmallGET(b *testing.B) {
	proxy := lean(b)
	w := &discard{header: make(http.Header)}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		if err := proxy.ServeHTTP(w, smallGET(w)); err != nil {
			b.Fatal(err)
		}
	}
}
