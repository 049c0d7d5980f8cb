package proxy

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go/http3"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// dialHTTP2 opens a connection of HTTP/2 to the proxy, on which each stream may
// be sent window bytes, and makes a request.
func dialHTTP2(t *testing.T, h *harness, window uint32, ends bool, fields ...string) *connectClient {
	t.Helper()
	conn, err := tls.Dial("tcp", h.addr, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	c := &connectClient{peer: newPeer(t, conn)}
	c.send(http2.ClientPreface)
	c.fr = http2.NewFramer(conn, c.br)
	c.fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	_ = c.fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: window})
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	fields = append([]string{":scheme", "https", ":path", "/", ":authority", "a"}, fields...)
	for i := 0; i < len(fields); i += 2 {
		_ = enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	_ = c.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: ends})
	return c
}

// A client of HTTP/2 that has no room for the response keeps no slot on a
// backend that has done its work.
func TestSlotIsFreeOnceResponseWasRead(t *testing.T) {
	body := strings.Repeat("x", 20<<10) // more than net/http buffers
	responses := map[string]string{"length": "Content-Length: 20480\r\n\r\n" + body}
	if !overNet { // net/http tells of the end of a chunked body only when asked for more
		responses["chunked"] = "Transfer-Encoding: chunked\r\n\r\n5000\r\n" + body + "\r\n0\r\n\r\n"
	}
	for name, response := range responses {
		t.Run(name, func(t *testing.T) {
			h := provision(t, to(rawBackend(t, answering("HTTP/1.1 200 OK\r\n"+response))))
			h.serve(serverTLS(t))
			c := dialHTTP2(t, h, 0, true, ":method", "GET")
			if head, ok := c.next().(*http2.MetaHeadersFrame); !ok || head.PseudoValue("status") != "200" {
				t.Fatalf("response %v", head)
			}
			h.idle()
			h.mu.Lock()
			wantEqual(t, "ended exchanges", len(h.results), 0)
			h.mu.Unlock()
			_ = c.fr.WriteWindowUpdate(1, 1<<20)
			for got := 0; got < len(body); {
				data, ok := c.next().(*http2.DataFrame)
				if !ok {
					t.Fatal("no data")
				}
				got += len(data.Data())
			}
			if h.result(0).panicked {
				t.Error("the response was cut short")
			}
			h.idle()
		})
	}
}

// A stream whose client takes nothing is reset; the connection, which may have
// others, goes on.
func TestStreamStopsReading(t *testing.T) {
	h := provision(t, hurried(rawBackend(t, endless), 0))
	h.serve(serverTLS(t))
	c := dialHTTP2(t, h, 0, true, ":method", "GET")
	c.next()
	if _, ok := c.next().(*http2.RSTStreamFrame); !ok {
		t.Error("the stream was not reset")
	}
	slowReader(t, h)
}

func TestStreamStopsSending(t *testing.T) {
	ended := make(chan struct{}, 1)
	h := provision(t, hurried(rawBackend(t, swallowing(ended)), 0))
	h.serve(serverTLS(t))
	c := dialHTTP2(t, h, 1<<16, false, ":method", "POST")
	_ = c.fr.WriteData(1, false, []byte("hello"))
	if head, ok := c.next().(*http2.MetaHeadersFrame); !ok || head.PseudoValue("status") != "408" {
		t.Errorf("response %v", head)
	}
	receive(t, ended, "the backend's connection to end")
	h.idle()
	if got := h.verdicts(); !slices.Equal(got, []pool.Verdict{pool.ClientFault}) {
		t.Errorf("verdicts %v", got)
	}
}

// Where the backend has answered before the end of a body of unknown length,
// the two talk with each other, and silence is no fault.
func TestConversationMayPause(t *testing.T) {
	h := provision(t, hurried(rawBackend(t, func(p *peer) {
		p.head()
		p.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n")
		p.send("b\r\nyou said " + p.take(len("3\r\nyes\r\n"))[3:5] + "\r\n0\r\n\r\n")
	}), 1<<30))
	h.serve(serverTLS(t))
	client := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
	defer client.CloseIdleConnections()
	pr, pw := io.Pipe()
	req, err := http.NewRequest("POST", "https://"+h.addr, pr)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	wantStatus(t, res, http.StatusOK)
	<-time.After(4 * shortly)
	_, _ = io.WriteString(pw, "yes")
	_ = pw.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || string(body) != "hiyou said ye" {
		t.Errorf("body %q, %v", body, err)
	}
}

// So do the two ends of a tunnel.
func TestTunnelMayPause(t *testing.T) {
	h := provision(t, hurried(rawBackend(t, switching(t, "", func(p *peer) {
		p.send(p.take(5))
	})), 1<<30))
	h.serve(serverTLS(t))
	c := dialConnect(t, h, ":method", "CONNECT", ":protocol", "websocket", ":scheme", "https", ":path", "/chat", ":authority", "a",
		"sec-websocket-version", "13")
	if head, ok := c.next().(*http2.MetaHeadersFrame); !ok || head.PseudoValue("status") != "200" {
		t.Fatalf("response %v", head)
	}
	<-time.After(4 * shortly)
	_ = c.fr.WriteData(1, false, []byte("hello"))
	if data, ok := c.next().(*http2.DataFrame); !ok || string(data.Data()) != "hello" {
		t.Errorf("got %v", data)
	}
}

// HTTP/3 has the same limits, by a deadline of the stream.
func TestHTTP3ClientStops(t *testing.T) {
	ended := make(chan struct{}, 1)
	h := provision(t, hurried(rawBackend(t, func(p *peer) {
		if strings.HasPrefix(p.head(), "GET ") {
			endlessBody(p)
			return
		}
		swallowing(ended)(p)
	}), 0))
	addr := serveHTTP3(t, certificate(t), h)
	client := &http3.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer func() { _ = client.Close() }()

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel() // quic-go's client waits for this
	pr, pw := io.Pipe()
	defer func() { _ = pw.Close() }()
	go func() { _, _ = io.WriteString(pw, "hello") }()
	req, err := http.NewRequestWithContext(ctx, "POST", "https://"+addr, pr)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	wantStatus(t, res, http.StatusRequestTimeout)
	receive(t, ended, "the backend's connection to end")
	h.idle()

	req, err = http.NewRequestWithContext(ctx, "GET", "https://"+addr, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err = client.RoundTrip(req) // nothing of the body is read
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if !h.result(1).panicked {
		t.Error("the response was not aborted")
	}
	h.idle()
	if got := h.verdicts(); !slices.Equal(got, []pool.Verdict{pool.ClientFault, pool.Answered}) {
		t.Errorf("verdicts %v", got)
	}
}
