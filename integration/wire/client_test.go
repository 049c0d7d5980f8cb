package wire

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"golang.org/x/net/http2"
)

// client sends a request without a body to the site over a connection of its
// own, and returns what came back.
type client func(t testing.TB, s *site, method, path string) *answer

func overHTTP1(t testing.TB, s *site, method, path string) *answer {
	t.Helper()
	p := s.dial(t)
	defer func() { _ = p.Close() }()
	p.send(method + " " + path + " HTTP/1.1\r\nHost: " + s.host + "\r\n\r\n")
	return p.readAnswer(method)
}

func overOldHTTP(t testing.TB, s *site, method, path string) *answer {
	t.Helper()
	return overOld(s, s.dial(t), method, path)
}

func overOldHTTPS(t testing.TB, s *site, method, path string) *answer {
	t.Helper()
	conn, err := tls.Dial("tcp", "127.0.0.1:"+securePort, clientTLS(s.host, "http/1.1"))
	if err != nil {
		t.Fatal(err)
	}
	return overOld(s, newPeer(t, conn), method, path)
}

func overOld(s *site, p *peer, method, path string) *answer {
	defer func() { _ = p.Close() }()
	p.send(method + " " + path + " HTTP/1.0\r\nHost: " + s.host + "\r\n\r\n")
	return p.readAnswer(method)
}

func overHTTP2(t testing.TB, s *site, method, path string) *answer {
	t.Helper()
	transport := s.http2()
	defer transport.CloseIdleConnections()
	return roundTrip(t, transport, s.newRequest(t, method, path, nil))
}

func overHTTP3(t testing.TB, s *site, method, path string) *answer {
	t.Helper()
	transport := s.http3()
	defer func() { _ = transport.Close() }()
	return roundTrip(t, transport, s.newRequest(t, method, path, nil))
}

// http2 returns a transport that has no connection yet.
func (s *site) http2() *http2.Transport {
	return &http2.Transport{
		DisableCompression: true,
		DialTLSContext: func(ctx context.Context, network, _ string, _ *tls.Config) (net.Conn, error) {
			d := tls.Dialer{Config: clientTLS(s.host, "h2")}
			return d.DialContext(ctx, network, "127.0.0.1:"+securePort)
		},
	}
}

// http3 returns a transport that has no connection yet.
func (s *site) http3() *http3.Transport {
	return &http3.Transport{
		DisableCompression: true,
		Dial: func(ctx context.Context, _ string, _ *tls.Config, config *quic.Config) (*quic.Conn, error) {
			return quic.DialAddr(ctx, "127.0.0.1:"+securePort, clientTLS(s.host, "h3"), config)
		},
	}
}

// newRequest returns a request for HTTP/2 and HTTP/3 that is given up in time.
func (s *site) newRequest(t testing.TB, method, path string, body io.Reader) *http.Request {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, method, "https://"+s.host+path, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header["User-Agent"] = nil
	return r
}

// roundTrip sends the request and reads all that comes back.
func roundTrip(t testing.TB, transport http.RoundTripper, r *http.Request) *answer {
	t.Helper()
	a := new(answer)
	r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
			a.informational = append(a.informational, strconv.Itoa(code)+" "+strings.Join(canonical(headerLines(http.Header(header))), "; "))
			return nil
		},
	}))
	res, err := transport.RoundTrip(r)
	if err != nil {
		a.err = err
		return a
	}
	defer func() { _ = res.Body.Close() }()
	announced := slices.Collect(maps.Keys(res.Trailer)) // known before the body is read
	body, err := io.ReadAll(res.Body)
	a.status, a.body, a.err, a.complete = res.StatusCode, string(body), err, err == nil
	a.fields = canonical(headerLines(res.Header))
	if len(announced) > 0 { // the transport has moved the names there from the header
		a.fields = canonical(append(a.fields, "Trailer: "+strings.Join(announced, ", ")))
	}
	a.trailers = canonical(headerLines(res.Trailer))
	return a
}

// headerLines returns the header as lines.
func headerLines(h http.Header) []string {
	var lines []string
	for name, values := range h {
		for _, v := range values {
			lines = append(lines, name+": "+v)
		}
	}
	return lines
}

// settle is how long a test waits to see that something does not happen.
const settle = 300 * time.Millisecond

// String is for messages of tests.
func (a *answer) String() string {
	return fmt.Sprintf("status %d, fields %q, body %.80q, trailers %q, informational %q, complete %t, %v",
		a.status, a.fields, a.body, a.trailers, a.informational, a.complete, a.err)
}
