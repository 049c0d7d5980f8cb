package proxy

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
)

const protocolWebSocket = "websocket"

var errProtocol = errors.New("protocol cannot be switched to")

// requestedUpgrade returns, in lower case, the first protocol that an HTTP/1.1
// request asks to switch to, or "".
func requestedUpgrade(r *http.Request) string {
	values := r.Header["Upgrade"]
	if len(values) == 0 || r.ProtoMajor != 1 || r.ProtoMinor != 1 ||
		!httpguts.HeaderValuesContainsToken(r.Header["Connection"], "upgrade") {
		return ""
	}
	name, _, _ := strings.Cut(values[0], ",")
	return strings.ToLower(strings.TrimSpace(name))
}

// extendedConnect returns the protocol that a CONNECT request over HTTP/2 or
// HTTP/3 asks for (RFC 8441, RFC 9220), or "".
func extendedConnect(r *http.Request) string {
	if r.Method != http.MethodConnect {
		return ""
	}
	switch r.ProtoMajor {
	case 2:
		if values := r.Header[":protocol"]; len(values) == 1 {
			return values[0]
		}
	case 3:
		if !strings.HasPrefix(r.Proto, "HTTP/") {
			return r.Proto
		}
	}
	return ""
}

// allowsUpgrade reports whether clients may switch to the protocol.
func (p *Proxy) allowsUpgrade(protocol string) bool {
	return protocol == protocolWebSocket || protocol != "" &&
		slices.ContainsFunc(p.cfg.Upgrades, func(s string) bool { return strings.EqualFold(s, protocol) })
}

func newWebSocketKey() string {
	var key [16]byte
	_, _ = rand.Read(key[:]) // never fails
	return base64.StdEncoding.EncodeToString(key[:])
}

// spellWebSocket spells the names of WebSocket's fields as RFC 6455 does: some
// software knows no other spelling.
func spellWebSocket(h http.Header) {
	for _, name := range [...]string{"Accept", "Extensions", "Key", "Protocol", "Version"} {
		if values, ok := h["Sec-Websocket-"+name]; ok {
			delete(h, "Sec-Websocket-"+name)
			h["Sec-WebSocket-"+name] = values
		}
	}
}
