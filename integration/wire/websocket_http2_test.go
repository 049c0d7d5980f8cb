package wire

import (
	"strings"
	"testing"

	"golang.org/x/net/http2"
)

// connect are the fields of an extended CONNECT (RFC 8441 §4).
func (s *site) connect(protocol string) []field {
	return append([]field{{":protocol", protocol}}, append(s.pseudo("CONNECT", "/chat"),
		field{"sec-websocket-version", "13"}, field{"sec-websocket-protocol", "chat"})...)
}

// TestWebSocketHTTP2: the tunnel of RFC 8441 becomes one of RFC 6455.
func TestWebSocketHTTP2(t *testing.T) {
	s := plain.take(t)
	b := s.backend(t)
	f := s.http2Frames(t)
	f.expectConnectProtocol()
	f.headers(1, false, s.connect("websocket")...)
	p := b.accept()
	m := p.head()
	if m.start != "GET /chat HTTP/1.1" || len(m.values("Sec-WebSocket-Key")) != 1 || len(m.values(":protocol")) > 0 {
		t.Fatalf("the backend got %q %q", m.start, m.fields)
	}
	m.expectFields(t, s.baseFields(), []string{
		"Connection: Upgrade", "Upgrade: websocket", "Via: 2.0 Caddy", "Sec-WebSocket-Key: " + m.values("Sec-WebSocket-Key")[0],
		"Sec-WebSocket-Version: 13", "Sec-WebSocket-Protocol: chat",
	})
	p.send(switching + "Sec-WebSocket-Protocol: chat\r\nX-Hop: 1\r\nConnection: X-Hop\r\n\r\n\x81\x05hello")
	frame, err := f.next(1)
	head, ok := frame.(*http2.MetaHeadersFrame)
	if err != nil || !ok || head.PseudoValue("status") != "200" || head.StreamEnded() {
		t.Fatalf("the client got %v, %v", frame, err)
	}
	for _, h := range head.RegularFields() {
		switch h.Name {
		case "connection", "upgrade", "sec-websocket-accept", "x-hop":
			t.Errorf("the client got %s: %s", h.Name, h.Value)
		}
	}
	f.expectData(1, "\x81\x05hello")
	for range 5 {
		f.data(1, false, "\x81\x81up")
		p.expect("\x81\x81up")
		p.send("\x81\x04down")
		f.expectData(1, "\x81\x04down")
	}
	if told() {
		if st := s.status(t); st.Tunnels != 1 {
			t.Errorf("the admin API tells of %+v", st)
		}
	}
	f.data(1, true, "")
	p.expectClosed()
	_ = p.Close()
	f.expectEnd(1)
	s.expectIdle(t)
	s.expectFailures(t, 0)
}

// TestWebSocketHTTP2Gone: when the client resets the stream, the backend is
// told; and the other way round.
func TestWebSocketHTTP2Gone(t *testing.T) {
	for _, clientGoes := range []bool{false, true} {
		t.Run(map[bool]string{false: "backend", true: "client"}[clientGoes], func(t *testing.T) {
			t.Parallel()
			s := plain.take(t)
			b := s.backend(t)
			f := s.http2Frames(t)
			f.expectConnectProtocol()
			f.headers(1, false, s.connect("websocket")...)
			p := b.accept()
			p.head()
			p.send(switching + "\r\n")
			if _, err := f.next(1); err != nil {
				t.Fatal(err)
			}
			if clientGoes {
				if err := f.framer.WriteRSTStream(1, http2.ErrCodeCancel); err != nil {
					t.Fatal(err)
				}
				p.expectClosed()
			} else {
				_ = p.Close()
				f.expectEnd(1)
			}
			s.expectIdle(t)
			s.expectFailures(t, 0)
		})
	}
}

// TestWebSocketHTTP2Refused: what the backend says instead reaches the client.
func TestWebSocketHTTP2Refused(t *testing.T) {
	for reply, want := range map[string]int{
		"HTTP/1.1 403 Forbidden\r\nContent-Type: a/b\r\nContent-Length: 2\r\n\r\nno":          403,
		"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\nleak": 502,
		"HTTP/1.1 101 Switching Protocols\r\n\r\nleak":                                        502,
		"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 4\r\n\r\nleak":               502, // 2xx would mean a tunnel
	} {
		t.Run(reply[9:20], func(t *testing.T) {
			t.Parallel()
			s := plain.take(t)
			b := s.backend(t)
			f := s.http2Frames(t)
			f.expectConnectProtocol()
			f.headers(1, false, s.connect("websocket")...)
			p := b.accept()
			p.head()
			p.send(reply)
			a := f.readAnswer(1)
			a.expectStatus(t, want)
			if leak := leaked(a); leak != "" {
				t.Errorf("the client got %s", leak)
			}
			s.expectIdle(t)
		})
	}
}

// TestConnectHTTP2: CONNECT without a protocol, or with one that is not
// allowed, opens no tunnel and reaches no backend (RFC 9113 §8.5).
func TestConnectHTTP2(t *testing.T) {
	for name, fields := range map[string]func(s *site) []field{
		"without a protocol": func(s *site) []field { return []field{{":method", "CONNECT"}, {":authority", s.host}} },
		"to a port":          func(s *site) []field { return []field{{":method", "CONNECT"}, {":authority", s.host + ":22"}} },
		"unknown protocol":   func(s *site) []field { return s.connect("x-tunnel") },
		"connect-udp":        func(s *site) []field { return s.connect("connect-udp") },
		"empty protocol":     func(s *site) []field { return s.connect("") },
		"protocol without a path": func(s *site) []field {
			return []field{{":method", "CONNECT"}, {":protocol", "websocket"}, {":authority", s.host}}
		},
		"protocol on a GET": func(s *site) []field { return append([]field{{":protocol", "websocket"}}, s.pseudo("GET", "/")...) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := plain.take(t)
			got := s.backend(t).replying(reply200)
			f := s.http2Frames(t)
			f.expectConnectProtocol()
			f.headers(1, false, fields(s)...)
			a := f.readAnswer(1)
			if a.err == nil && a.status != 405 && a.status != 400 && a.status != 501 {
				t.Errorf("the client got %s", a)
			}
			if (name == "without a protocol" || name == "to a port") && a.status != 405 {
				t.Errorf("the client got %s, want 405", a)
			}
			if len(got.requests) > 0 {
				t.Errorf("the backend got %q", got.next(t).start)
			}
		})
	}
}

// expectConnectProtocol reads the server's settings, which allow extended
// CONNECT (RFC 8441 §3).
func (f *frames) expectConnectProtocol() {
	f.t.Helper()
	frame, err := f.framer.ReadFrame()
	settings, ok := frame.(*http2.SettingsFrame)
	if err != nil || !ok {
		f.t.Fatalf("the server begins with %v, %v", frame, err)
	}
	if v, ok := settings.Value(http2.SettingEnableConnectProtocol); !ok || v != 1 {
		f.t.Fatalf("the server's settings are %v", strings.TrimSpace(settings.String()))
	}
	if err := f.framer.WriteSettingsAck(); err != nil {
		f.t.Fatal(err)
	}
}
