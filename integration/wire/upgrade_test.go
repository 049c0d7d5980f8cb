package wire

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// upgrading are sites whose clients may switch to another protocol.
var upgrading = declare(kind{name: "upgrading", count: 8, options: func() map[string]any {
	if directive != "load_balance" {
		return nil // allows any
	}
	return map[string]any{"upgrades": []string{"x-tunnel"}}
}()})

// The handshake of RFC 6455 §1.3.
const (
	handshake = "GET /chat HTTP/1.1\r\nHost: HOST\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
	switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
)

// tunnel opens a WebSocket and returns both ends. What is given as early goes
// out in the same packet as the head before it.
func (s *site) tunnel(t *testing.T, earlyClient, earlyBackend string) (client, backend *peer) {
	t.Helper()
	b := s.backend(t)
	client = s.dial(t)
	client.send(s.fill(handshake + "\r\n" + earlyClient))
	backend = b.accept()
	m := backend.head()
	m.expectFields(t, s.baseFields(), []string{
		"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13",
	})
	backend.send(switching + "Sec-WebSocket-Protocol: chat\r\n\r\n" + earlyBackend)
	h := client.head()
	if !strings.HasPrefix(h.start, "HTTP/1.1 101 ") {
		t.Fatalf("the client got %q", h.start)
	}
	a := &answer{fields: canonical(h.fields)}
	for name, want := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "Sec-WebSocket-Protocol": "chat",
	} {
		if got := a.values(name); len(got) != 1 || !strings.EqualFold(got[0], want) {
			t.Errorf("the client got %s %q, want %q", name, got, want)
		}
	}
	return client, backend
}

// quiet are sites of a server without an access log: with one, Caddy hands out
// clients' connections in a way that does not let them be closed by half.
var quiet = declare(kind{name: "quiet", count: 4, server: serverQuiet})

// TestWebSocket: bytes go both ways, and half a close is half a close.
func TestWebSocket(t *testing.T) {
	for _, clientFirst := range []bool{false, true} {
		t.Run(fmt.Sprintf("client ends first %t", clientFirst), func(t *testing.T) {
			t.Parallel()
			s := quiet.take(t)
			client, backend := s.tunnel(t, "", "")
			for i := range 10 {
				client.send(fmt.Sprintf("\x81\x01%d", i))
				backend.expect(fmt.Sprintf("\x81\x01%d", i))
				backend.send(fmt.Sprintf("HTTP/1.1 %d\r\n", i))
				client.expect(fmt.Sprintf("HTTP/1.1 %d\r\n", i))
			}
			if told() {
				if st := s.status(t); st.Tunnels != 1 {
					t.Errorf("the admin API tells of %+v", st)
				}
			}
			near, far := backend, client
			if clientFirst {
				near, far = client, backend
			}
			near.send("bye")
			near.finish()
			far.expect("bye")
			if err := far.closedWithin(3 * time.Second); err != nil {
				t.Errorf("the other side: %v", err)
			}
			far.send("bye too")
			near.expect("bye too")
			_ = far.Close()
			near.expectClosed()
			s.expectIdle(t)
			s.expectFailures(t, 0)
		})
	}
}

// TestWebSocketEarly: frames that come along with the handshake are not lost.
func TestWebSocketEarly(t *testing.T) {
	s := plain.take(t)
	client, backend := s.tunnel(t, "\x81\x85early", "\x81\x05hello")
	client.expect("\x81\x05hello")
	backend.expect("\x81\x85early")
	client.send("more")
	backend.expect("more")
}

// TestWebSocketLarge: more than any buffer holds, both ways at once.
func TestWebSocketLarge(t *testing.T) {
	s := plain.take(t)
	client, backend := s.tunnel(t, "", "")
	up, down := strings.Repeat("up", 2<<20), strings.Repeat("dn", 2<<20)
	sent := make(chan error, 2)
	go func() { sent <- client.sendPieces(up, 1<<20) }()
	go func() { sent <- backend.sendPieces(down, 1<<20) }()
	received := make(chan struct{})
	go func() {
		defer close(received)
		got := make([]byte, len(up))
		if _, err := readFull(backend, got); err != nil || string(got) != up {
			t.Errorf("the backend got other bytes, %v", err)
		}
	}()
	got := make([]byte, len(down))
	if _, err := readFull(client, got); err != nil || string(got) != down {
		t.Errorf("the client got other bytes, %v", err)
	}
	<-received
	for range 2 {
		if err := <-sent; err != nil {
			t.Error(err)
		}
	}
}

// TestWebSocketGone: when one side is gone, the other is told within a second.
func TestWebSocketGone(t *testing.T) {
	for _, clientGoes := range []bool{false, true} {
		for _, abrupt := range []bool{false, true} {
			t.Run(fmt.Sprintf("client %t, reset %t", clientGoes, abrupt), func(t *testing.T) {
				t.Parallel()
				s := plain.take(t)
				client, backend := s.tunnel(t, "", "")
				near, far := backend, client
				if clientGoes {
					near, far = client, backend
				}
				if abrupt {
					near.reset()
				} else {
					_ = near.Close()
				}
				if err := far.closedWithin(time.Second); err != nil {
					t.Errorf("the other side: %v", err)
				}
				_ = far.Close()
				s.expectIdle(t)
				s.expectFailures(t, 0)
			})
		}
	}
}

// TestWebSocketRefused: the backend does not switch; its response is one like
// all others, and the connection too.
func TestWebSocketRefused(t *testing.T) {
	for _, status := range []string{"200 OK", "400 Bad Request", "403 Forbidden", "426 Upgrade Required", "302 Found"} {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			s := plain.take(t)
			s.backend(t).replying("HTTP/1.1 " + status + "\r\nContent-Type: a/b\r\nContent-Length: 2\r\n\r\nno")
			client := s.dial(t)
			for range 2 {
				client.send(s.fill(handshake + "\r\n"))
				a := client.answer("GET")
				a.expectStatus(t, mustStatus(t, status))
				if a.body != "no" {
					t.Errorf("the client got %s", a)
				}
			}
			s.expectIdle(t)
		})
	}
}

// TestWebSocketBadSwitch: a 101 to something else than was asked for is
// refused (RFC 9110 §7.8), and no tunnel opens.
func TestWebSocketBadSwitch(t *testing.T) {
	for _, reply := range []string{
		"HTTP/1.1 101 Switching Protocols\r\n\r\nleak",
		"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\nleak",
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\nleak",
		"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\nleak",
		"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: \r\n\r\nleak",
		"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: xwebsocket\r\n\r\nleak",
		"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nUpgrade: websocket\r\n\r\nleak",
		"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: web socket\r\n\r\nleak",
		"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX A: leak\r\n\r\nleak",
	} {
		t.Run(reply[34:], func(t *testing.T) {
			t.Parallel()
			s := plain.take(t)
			b := s.backend(t)
			client := s.dial(t)
			client.send(s.fill(handshake + "\r\n"))
			p := b.accept()
			p.head()
			p.send(reply)
			a := client.readAnswer("GET")
			if strings.Contains(reply, "\r\nUpgrade: websocket\r\n\r\n") && !strings.Contains(reply, "Connection") && a.status == 101 {
				return // Connection is missing, and there is no other way to read it
			}
			a.expectStatus(t, 502)
			if leak := leaked(a); leak != "" {
				t.Errorf("the client got %s", leak)
			}
			_ = client.Close()
			p.expectClosed()
			s.expectIdle(t)
		})
	}
}

// TestWebSocketSwitchFields: a 101 has hop-by-hop fields too.
func TestWebSocketSwitchFields(t *testing.T) {
	s := plain.take(t)
	b := s.backend(t)
	client := s.dial(t)
	client.send(s.fill(handshake + "Connection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 1\r\nProxy-Authorization: x\r\nCookie: a=b\r\n\r\n"))
	p := b.accept()
	m := p.head()
	m.expectFields(t, s.baseFields(), []string{
		"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13", "Cookie: a=b",
	})
	for _, name := range []string{"Sec-WebSocket-Key", "Sec-WebSocket-Version"} {
		if !slices.ContainsFunc(m.fields, func(line string) bool { return strings.HasPrefix(line, name+": ") }) {
			t.Errorf("old servers need the spelling %s: %q", name, m.fields)
		}
	}
	p.send(switching + "Connection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 1\r\nAlt-Svc: h2=\"evil.example\"\r\nProxy-Authenticate: x\r\nSet-Cookie: a=b\r\n\r\n")
	h := client.head()
	for _, name := range []string{"X-Hop", "Keep-Alive", "Proxy-Authenticate"} {
		if v := h.values(name); len(v) > 0 {
			t.Errorf("the client got %s %q", name, v)
		}
	}
	for _, v := range h.values("Alt-Svc") {
		if strings.Contains(v, "evil") {
			t.Errorf("the client got Alt-Svc %q", v)
		}
	}
	if v := h.values("Set-Cookie"); !slices.Equal(v, []string{"a=b"}) {
		t.Errorf("the client got Set-Cookie %q", v)
	}
}

// TestUpgradeBody: a body on a request to switch protocols could be the new
// protocol's, or not; there is no telling, and so it is refused.
func TestUpgradeBody(t *testing.T) {
	for _, body := range []string{"Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"} {
		t.Run(body[:12], func(t *testing.T) {
			t.Parallel()
			plain.take(t).refused(t, handshake+body, 400)
		})
	}
}

// TestUpgradeLists: of several protocols only those that are allowed are asked
// for (RFC 9110 §7.8).
func TestUpgradeLists(t *testing.T) {
	for _, fields := range []string{
		"Upgrade: h2c, websocket\r\n", "Upgrade: websocket, h2c\r\n", "Upgrade: h2c\r\nUpgrade: websocket\r\n", "Upgrade: websocket\r\nUpgrade: h2c\r\n",
		"Upgrade: websocket;h2c\r\n", "Upgrade: websocket/13, h2c\r\n",
	} {
		t.Run(fields, func(t *testing.T) {
			t.Parallel()
			s := plain.take(t)
			got := s.backend(t).replying(reply200)
			client := s.dial(t)
			client.send(s.fill("GET / HTTP/1.1\r\nHost: HOST\r\nConnection: Upgrade\r\n" + fields + "\r\n"))
			a := client.readAnswer("GET")
			if a.status == 400 {
				return
			}
			a.expectStatus(t, 200)
			for _, v := range got.next(t).values("Upgrade") {
				if !strings.EqualFold(v, "websocket") {
					t.Errorf("the backend was asked for %q", v)
				}
			}
		})
	}
}

// TestUpgradeAllowed: what the config allows is passed on.
func TestUpgradeAllowed(t *testing.T) {
	s := upgrading.take(t)
	b := s.backend(t)
	client := s.dial(t)
	client.send(s.fill("GET / HTTP/1.1\r\nHost: HOST\r\nConnection: upgrade\r\nUpgrade: X-Tunnel\r\n\r\n"))
	p := b.accept()
	if m := p.head(); len(m.values("Upgrade")) != 1 || !strings.EqualFold(m.values("Upgrade")[0], "x-tunnel") {
		t.Fatalf("the backend got %q", m.fields)
	}
	p.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x-tunnel\r\n\r\n")
	if h := client.head(); !strings.HasPrefix(h.start, "HTTP/1.1 101 ") {
		t.Fatalf("the client got %q", h.start)
	}
	client.send("up")
	p.expect("up")
	p.send("down")
	client.expect("down")
}

// TestUpgradeOldClient: HTTP/1.0 has no upgrades (RFC 9110 §7.8).
func TestUpgradeOldClient(t *testing.T) {
	s := plain.take(t)
	m, _ := s.exchange(t, strings.Replace(handshake, "HTTP/1.1", "HTTP/1.0", 1)+"\r\n", "GET")
	if v := append(m.values("Upgrade"), m.values("Connection")...); len(v) > 0 {
		t.Errorf("the backend got %q", v)
	}
}
