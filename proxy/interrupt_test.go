package proxy

import (
	"crypto/tls"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/quic-go/quic-go/http3"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// A backend that gives up does so for a client that is still sending, too.
func TestBackendGivesUpWhileUploading(t *testing.T) {
	for name, fail := range map[string]string{"hangs up": "", "answers nonsense": "nonsense\r\n\r\n"} {
		t.Run("HTTP/1 "+name, func(t *testing.T) {
			h := start(t, to(rawBackend(t, func(p *peer) {
				p.head()
				p.take(5)
				p.send(fail)
			})))
			gaveUp(t, h, "Content-Length: 15\r\n\r\nhello")
		})
	}
	t.Run("HTTP/1 before the body", func(t *testing.T) {
		h := start(t, to(rawBackend(t, func(p *peer) { p.head() })))
		gaveUp(t, h, "Transfer-Encoding: chunked\r\n\r\n")
	})
	t.Run("HTTP/2", func(t *testing.T) {
		h := start(t, to("h2c://"+resettingStreams(t)))
		gaveUp(t, h, "Content-Length: 15\r\n\r\nhello")
	})
}

// gaveUp sends a request of which a part is missing, and expects that the
// failure is the backend's and that the client's connection is not used again.
func gaveUp(t *testing.T, h *harness, request string) {
	t.Helper()
	c := h.dial()
	c.send("POST / HTTP/1.1\r\nHost: a\r\n" + request)
	res, _ := c.response("POST")
	wantStatus(t, res, http.StatusBadGateway)
	wantEqual(t, "closes the client connection", res.Close, true)
	if got := h.verdicts(); !slices.Equal(got, []pool.Verdict{pool.Failed}) {
		t.Errorf("verdicts %v", got)
	}
}

// resettingStreams runs a backend that resets every stream of HTTP/2.
func resettingStreams(t *testing.T) string {
	t.Helper()
	h2c := new(http.Protocols)
	h2c.SetUnencryptedHTTP2(true)
	srv := &harness{t: t, release: func() {}}
	return srv.serveHandler(nil, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadFull(r.Body, make([]byte, 5))
		panic(http.ErrAbortHandler)
	}), h2c)
}

// The same for clients of HTTP/2 and HTTP/3, whose bodies are streams.
func TestBackendResetsWhileStreaming(t *testing.T) {
	h := provision(t, to("h2c://"+resettingStreams(t)))
	h.serve(serverTLS(t))
	http2 := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
	defer http2.CloseIdleConnections()
	front := serveHTTP3(t, certificate(t), h)
	http3 := &http3.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer func() { _ = http3.Close() }()
	for _, c := range []struct {
		name, addr string
		client     http.RoundTripper
	}{{"HTTP/2", h.addr, http2}, {"HTTP/3", front, http3}} {
		t.Run(c.name, func(t *testing.T) {
			pr, pw := io.Pipe()
			defer func() { _ = pw.Close() }()
			go func() { _, _ = io.WriteString(pw, "hello") }()
			req, err := http.NewRequest("POST", "https://"+c.addr+"/", pr)
			if err != nil {
				t.Fatal(err)
			}
			res, err := c.client.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			wantStatus(t, res, http.StatusBadGateway)
		})
	}
	for _, v := range h.verdicts() {
		wantEqual(t, "verdict", v, pool.Failed)
	}
	h.release()
}

// A response of HTTP/2 that is complete ends an exchange whose request is not.
func TestEarlyResponseOverHTTP2(t *testing.T) {
	h2c := new(http.Protocols)
	h2c.SetUnencryptedHTTP2(true)
	srv := &harness{t: t, release: func() {}}
	h := start(t, to("h2c://"+srv.serveHandler(nil, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		_, _ = io.WriteString(w, "large")
	}), h2c)))
	c := h.dial()
	c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 15\r\n\r\nhello")
	res, body := c.response("POST")
	wantStatus(t, res, http.StatusRequestEntityTooLarge)
	wantEqual(t, "body", body, "large")
}

// An attempt that has read nothing leaves the body to the next one.
func TestInterruptLeavesUnreadBody(t *testing.T) {
	got := make(chan string, 1)
	cfg := to(refused(t), rawBackend(t, func(p *peer) {
		p.head()
		got <- p.take(5)
		p.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	}))
	cfg.LoadBalancing = retries(1)
	h := start(t, cfg)
	res, _ := h.exchange("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
	wantStatus(t, res, 200)
	wantEqual(t, "body", receive(t, got, "body"), "hello")
}

// What an HTTP/1 backend's connection was lost for is what the attempt reports.
func TestLostConnectionKeepsItsError(t *testing.T) {
	h := start(t, to(rawBackend(t, func(p *peer) {
		p.head()
		p.take(5)
	})))
	c := h.dial()
	c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 15\r\n\r\nhello")
	c.response("POST")
	want := "backend has closed the connection without a response"
	if overNet {
		want = "connection to the backend was lost: EOF"
	}
	if err := h.result(0).err; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v", err)
	}
}
