package integration

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"
)

// TestExampleWebSocket opens WebSockets through the load balancer. They go to
// different backends, and the end of one is nothing to the other.
func TestExampleWebSocket(t *testing.T) {
	r := make(relocation)
	for _, port := range []int{9001, 9002} {
		startBackend(t, r.port(t, port), echoServer(strconv.Itoa(port)))
	}
	p := startCaddyAt(t, r.addr(t, 2019), r.text(t, readFile(t, "examples/websocket/Caddyfile")), "caddyfile")

	first, second := openWebSocket(t, r.addr(t, 8080)), openWebSocket(t, r.addr(t, 8080))
	if first.backend == second.backend {
		t.Errorf("both WebSockets are at backend %s", first.backend)
	}
	for _, ws := range []*webSocket{first, second, first} {
		ws.echo(t, "hello")
		ws.echo(t, "")
	}
	port, err := strconv.Atoi(first.backend)
	if err != nil {
		t.Fatal(err)
	}
	p.api(t, http.MethodDelete, "/load_balance/backends?id="+r.addr(t, port), "", http.StatusNoContent)
	first.echo(t, "still there, at a backend that was removed")
	second.echo(t, "still there")
	if err := first.conn.Close(); err != nil {
		t.Fatal(err)
	}
	second.echo(t, "and without the other")
	if third := openWebSocket(t, r.addr(t, 8080)); third.backend != second.backend {
		t.Errorf("a new WebSocket is at backend %s, which was removed", third.backend)
	}
}

// webSocketAccept is the answer to a key, by RFC 6455, section 4.2.2: the
// SHA-1 of the key with a fixed GUID behind it, in base64.
func webSocketAccept(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// echoServer accepts WebSockets, and sends each message back with the mask
// taken off.
func echoServer(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "websocket" {
			http.Error(w, "not a WebSocket", http.StatusUpgradeRequired)
			return
		}
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = fmt.Fprintf(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
			"Backend: %s\r\nSec-WebSocket-Accept: %s\r\n\r\n", name, webSocketAccept(r.Header.Get("Sec-WebSocket-Key")))
		for rw.Flush() == nil {
			payload, err := readFrame(rw.Reader)
			if err != nil {
				return
			}
			_, _ = rw.Write(append([]byte{0x81, byte(len(payload))}, payload...))
		}
	})
}

// readFrame returns the payload of a text frame of up to 125 bytes.
func readFrame(r *bufio.Reader) ([]byte, error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	if length := head[1] & 0x7f; head[0] != 0x81 || length > 125 {
		return nil, fmt.Errorf("frame begins with %x", head)
	}
	var mask [4]byte
	if head[1]&0x80 != 0 {
		if _, err := io.ReadFull(r, mask[:]); err != nil {
			return nil, err
		}
	}
	payload := make([]byte, head[1]&0x7f)
	if _, err := io.ReadFull(r, payload); err != nil {
		return nil, err
	}
	for i := range payload {
		payload[i] ^= mask[i%4]
	}
	return payload, nil
}

// webSocket is the client's end.
type webSocket struct {
	conn    net.Conn
	r       *bufio.Reader
	backend string
}

func openWebSocket(t *testing.T, addr string) *webSocket {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	const key = "dGhlIHNhbXBsZSBub25jZQ=="
	if _, err := fmt.Fprintf(conn, "GET /chat HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n", addr, key); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols || resp.Header.Get("Sec-WebSocket-Accept") != webSocketAccept(key) {
		body, _ := io.ReadAll(resp.Body)
		t.Fatalf("got status %d, header %v: %s", resp.StatusCode, resp.Header, body)
	}
	return &webSocket{conn, r, resp.Header.Get("Backend")}
}

// echo sends a message of up to 125 bytes, and wants it back.
func (ws *webSocket) echo(t *testing.T, message string) {
	t.Helper()
	mask := binary.BigEndian.AppendUint32(nil, 0x5a17c3e9)
	frame := append([]byte{0x81, 0x80 | byte(len(message))}, mask...)
	for i := range len(message) {
		frame = append(frame, message[i]^mask[i%4])
	}
	if _, err := ws.conn.Write(frame); err != nil {
		t.Fatal(err)
	}
	got, err := readFrame(ws.r)
	if err != nil || string(got) != message {
		t.Fatalf("backend %s: sent %q, got %q, %v", ws.backend, message, got, err)
	}
}
