package proxy

import (
	"crypto/tls"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const (
	upgradeRequest = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
	upgradeResponse = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade, X-Hop\r\nUpgrade: websocket\r\nX-Hop: 1\r\n" +
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)

// switching is a script that switches protocols, sends early at once, and
// leaves the rest to script.
func switching(t *testing.T, early string, script func(*peer)) func(*peer) {
	return func(p *peer) {
		head := p.head()
		if head == "" {
			return
		}
		if !slices.Equal(fields(head, "Upgrade"), []string{"websocket"}) || !slices.Equal(fields(head, "Connection"), []string{"Upgrade"}) ||
			!strings.Contains(head, "Sec-WebSocket-Key: ") {
			t.Errorf("request %q", head)
		}
		p.send(upgradeResponse + early)
		script(p)
	}
}

func echo(p *peer) {
	_, _ = io.Copy(p.Conn, p.br)
}

func TestWebSocket(t *testing.T) {
	h := start(t, to(rawBackend(t, switching(t, "early", echo))))
	c := h.dial()
	c.send(upgradeRequest + "ahead") // bytes behind the request belong to the tunnel
	head := c.head()
	if !strings.HasPrefix(head, "HTTP/1.1 101") || !slices.Equal(fields(head, "Connection"), []string{"Upgrade"}) ||
		!slices.Equal(fields(head, "Upgrade"), []string{"websocket"}) || fields(head, "X-Hop") != nil ||
		!strings.Contains(head, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n") {
		t.Errorf("response %q", head)
	}
	wantEqual(t, "bytes", c.take(10), "earlyahead")
	m := h.pool.Snapshot().Members[0]
	wantEqual(t, "tunnels", m.Tunnels(), 1)
	wantEqual(t, "in flight", m.InFlight(), 1)
	c.send("hello")
	wantEqual(t, "echo", c.take(5), "hello")
	if err := closeWrite(c.Conn); err != nil { // half close: the echo ends, and so does the tunnel
		t.Fatal(err)
	}
	wantEqual(t, "rest", c.rest(), "")
	eventually(t, "tunnel to end", func() bool { return m.Tunnels() == 0 && m.InFlight() == 0 })
	wantEqual(t, "status in the log", h.result(0).written, 101)
}

func TestTunnelHalfClose(t *testing.T) {
	h := start(t, to(rawBackend(t, switching(t, "", func(p *peer) {
		got := p.rest() // to the end of the client's stream
		p.send("you said " + got)
	}))))
	c := h.dial()
	c.send(upgradeRequest)
	c.head()
	c.send("all this")
	_ = closeWrite(c.Conn)
	wantEqual(t, "answer behind the half close", c.rest(), "you said all this")
}

func TestTunnelEndsWithItsPeers(t *testing.T) {
	t.Run("backend", func(t *testing.T) {
		h := start(t, to(rawBackend(t, switching(t, "", func(*peer) {}))))
		c := h.dial()
		c.send(upgradeRequest)
		c.head()
		wantEqual(t, "rest", c.rest(), "")
	})
	t.Run("client", func(t *testing.T) {
		ended := make(chan string, 1)
		h := start(t, to(rawBackend(t, switching(t, "", func(p *peer) { ended <- p.rest() }))))
		c := h.dial()
		c.send(upgradeRequest)
		c.head()
		_ = c.Close()
		receive(t, ended, "end of the backend connection")
	})
	t.Run("stream_timeout", func(t *testing.T) {
		cfg := to(rawBackend(t, switching(t, "", echo)))
		cfg.StreamTimeout = caddy.Duration(50 * time.Millisecond)
		h := start(t, cfg)
		c := h.dial()
		c.send(upgradeRequest)
		c.head()
		wantEqual(t, "rest", c.rest(), "")
	})
}

func TestTunnelSaysGoodbyeWhenPoolGoes(t *testing.T) {
	atBackend := make(chan string, 1)
	h := start(t, to(rawBackend(t, switching(t, "", func(p *peer) { atBackend <- p.rest() }))))
	c := h.dial()
	c.send(upgradeRequest)
	c.head()
	h.release()
	wantEqual(t, "client got", c.rest(), "\x88\x02\x03\xe9")
	got := receive(t, atBackend, "end of the backend connection")
	if len(got) != 8 || got[:2] != "\x88\x82" || got[6]^got[2] != 3 || got[7]^got[3] != 0xe9 {
		t.Errorf("backend got %q", got)
	}
}

func TestUpgradeRules(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	for _, c := range []struct {
		name, request, response string
		status                  int
		upgrade                 []string // that the backend sees; "-": no request
	}{
		{"unknown protocol", "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: irc\r\n\r\n", ok, 200, nil},
		{"h2c", "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n", ok, 200, nil},
		{"configured", "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n", ok, 200, []string{"foo"}},
		{"not in Connection", "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n", ok, 200, nil},
		{"HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", ok, 200, nil},
		{"body", "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 2\r\n\r\nab", ok, 400, []string{"-"}},
		{"chunked body", "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ok, 400, []string{"-"}},
		{"refused", upgradeRequest, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", 403, []string{"websocket"}},
		{"other protocol", upgradeRequest, "HTTP/1.1 101 Switch\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n", 502, []string{"websocket"}},
		{"no protocol", upgradeRequest, "HTTP/1.1 101 Switch\r\nConnection: Upgrade\r\n\r\n", 502, []string{"websocket"}},
		{"unasked", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", upgradeResponse, 502, nil},
		{"CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", ok, 405, []string{"-"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			seen := make(chan []string, 1)
			cfg := to(rawBackend(t, func(p *peer) {
				if head := p.head(); head != "" {
					seen <- fields(head, "Upgrade")
					p.send(c.response)
					p.rest()
				}
			}))
			cfg.Upgrades = []string{"foo"}
			h := start(t, cfg)
			res, _ := h.exchange(c.request)
			wantStatus(t, res, c.status)
			if slices.Equal(c.upgrade, []string{"-"}) {
				wantEqual(t, "requests", len(seen), 0)
				return
			}
			if got := receive(t, seen, "request"); !slices.Equal(got, c.upgrade) {
				t.Errorf("Upgrade %q", got)
			}
		})
	}
}

// connectClient speaks just enough HTTP/2 for extended CONNECT.
type connectClient struct {
	*peer
	fr *http2.Framer
}

func dialConnect(t *testing.T, h *harness, pseudo ...string) *connectClient {
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
	_ = c.fr.WriteSettings()
	var block strings.Builder
	enc := hpack.NewEncoder(&block)
	for i := 0; i < len(pseudo); i += 2 {
		_ = enc.WriteField(hpack.HeaderField{Name: pseudo[i], Value: pseudo[i+1]})
	}
	_ = c.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte(block.String()), EndHeaders: true})
	return c
}

// next returns the next HEADERS, DATA or RST_STREAM frame.
func (c *connectClient) next() http2.Frame {
	c.t.Helper()
	for {
		f, err := c.fr.ReadFrame()
		if err != nil {
			c.t.Fatal(err)
		}
		switch f := f.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				_ = c.fr.WriteSettingsAck()
			}
		case *http2.MetaHeadersFrame, *http2.DataFrame, *http2.RSTStreamFrame:
			return f
		}
	}
}

func TestWebSocketOverHTTP2(t *testing.T) {
	ended := make(chan string, 1)
	h := provision(t, to(rawBackend(t, switching(t, "early", func(p *peer) {
		p.send(p.take(5))
		ended <- p.rest()
	}))))
	h.serve(serverTLS(t))
	c := dialConnect(t, h, ":method", "CONNECT", ":protocol", "websocket", ":scheme", "https", ":path", "/chat", ":authority", "a",
		"sec-websocket-version", "13")
	head, ok := c.next().(*http2.MetaHeadersFrame)
	if !ok || head.PseudoValue("status") != "200" {
		t.Fatalf("response %v", head)
	}
	for _, f := range head.RegularFields() {
		if f.Name == "sec-websocket-accept" || f.Name == "connection" || f.Name == "upgrade" {
			t.Errorf("response has %s", f.Name)
		}
	}
	_ = c.fr.WriteData(1, false, []byte("hello"))
	var got strings.Builder
	for got.Len() < 10 {
		got.Write(c.next().(*http2.DataFrame).Data())
	}
	wantEqual(t, "bytes", got.String(), "earlyhello")
	_ = c.fr.WriteData(1, true, []byte("bye"))
	wantEqual(t, "rest", receive(t, ended, "half close"), "bye")
	m := h.pool.Snapshot().Members[0]
	eventually(t, "tunnel to end", func() bool { return m.Tunnels() == 0 && m.InFlight() == 0 })
}

func TestConnectOverHTTP2(t *testing.T) {
	for _, c := range []struct{ name, protocol, answer, status string }{
		{"no protocol", "", "", "405"},
		{"other protocol", "connect-udp", "", "501"},
		{"backend does not switch", "websocket", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "502"},
		{"backend refuses", "websocket", "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", "403"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := provision(t, to(rawBackend(t, func(p *peer) {
				if p.head() != "" {
					if c.answer == "" {
						t.Error("request reached the backend")
					}
					p.send(c.answer)
				}
			})))
			h.serve(serverTLS(t))
			pseudo := []string{":method", "CONNECT", ":authority", "a:443"}
			if c.protocol != "" {
				pseudo = append(pseudo, ":protocol", c.protocol, ":scheme", "https", ":path", "/")
			}
			head, ok := dialConnect(t, h, pseudo...).next().(*http2.MetaHeadersFrame)
			if !ok || head.PseudoValue("status") != c.status {
				t.Errorf("response %v", head)
			}
		})
	}
}

// A client that does not read must not keep its tunnel from ending.
func TestBlockedStreamEnds(t *testing.T) {
	h := provision(t, to(rawBackend(t, switching(t, "", func(p *peer) {
		_, _ = io.WriteString(p.Conn, strings.Repeat("x", 4<<20))
		p.rest()
	}))))
	h.serve(serverTLS(t))
	c := dialConnect(t, h, ":method", "CONNECT", ":protocol", "websocket", ":scheme", "https", ":path", "/chat", ":authority", "a")
	c.next()
	h.release()
	h.result(0)
}

func TestFrameScanner(t *testing.T) {
	long := strings.Repeat("x", 70000)
	frames := []string{
		"\x81\x05hello", "\x81\x85\x01\x02\x03\x04hello", "\x82\x00", "\x82\x80\x01\x02\x03\x04",
		"\x82\x7e\x01\x00" + long[:256], "\x82\x7f\x00\x00\x00\x00\x00\x01\x11\x70" + long,
		"\x82\xfe\x01\x00\x01\x02\x03\x04" + long[:256],
	}
	for _, step := range []int{1, 3, 1 << 20} {
		var f frameScanner
		for _, frame := range frames {
			for i := 0; i < len(frame); i += step {
				if i > 0 && f.between() {
					t.Fatalf("%.20q ended after %d of %d bytes", frame, i, len(frame))
				}
				f.scan([]byte(frame[i:min(i+step, len(frame))]))
			}
			if !f.between() {
				t.Fatalf("%.20q has not ended", frame)
			}
		}
	}
}

func TestTunnelOutlivesConfigAndPoolForAWhile(t *testing.T) {
	cfg := to(rawBackend(t, switching(t, "", echo)))
	cfg.StreamCloseDelay = caddy.Duration(300 * time.Millisecond)
	h := start(t, cfg)
	c := h.dial()
	c.send(upgradeRequest)
	c.head()
	h.unload() // the config is gone, the pool is not
	c.send("hello")
	wantEqual(t, "echo", c.take(5), "hello")
	h.release()
	c.send("\x81\x05world")
	wantEqual(t, "echo", c.take(7), "\x81\x05world")
	c.send("\x81") // the close frame must not end up inside of this one
	wantEqual(t, "rest", c.rest(), "\x81")
}
