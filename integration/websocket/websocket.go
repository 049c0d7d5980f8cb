// Package websocket speaks as much of RFC 6455 as tests of tunnels need: text
// messages of up to 125 bytes, and the end.
package websocket

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// Patience bounds the opening of a connection and each message.
const Patience = 30 * time.Second

const (
	textFrame  = 0x81
	closeFrame = 0x88
)

// accept is the answer to a key, by section 4.2.2: the SHA-1 of the key with a
// fixed GUID behind it, in base64.
func accept(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Asked reports whether a request is for a WebSocket.
func Asked(r *http.Request) bool { return strings.EqualFold(r.Header.Get("Upgrade"), "websocket") }

// Serve accepts a WebSocket and sends each message back, until the end. The
// name is in the response's header `Backend`.
func Serve(w http.ResponseWriter, r *http.Request, name string) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = fmt.Fprintf(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Backend: %s\r\nSec-WebSocket-Accept: %s\r\n\r\n", name, accept(r.Header.Get("Sec-WebSocket-Key")))
	for rw.Flush() == nil {
		kind, payload, err := readFrame(rw.Reader)
		if err != nil {
			return
		}
		_, _ = rw.Write(append([]byte{kind, byte(len(payload))}, payload...))
		if kind == closeFrame {
			_ = rw.Flush()
			return
		}
	}
}

// Conn is a client's end.
type Conn struct {
	Backend string // that has accepted it

	conn net.Conn
	r    *bufio.Reader
}

// Open opens a WebSocket at `host:port`.
func Open(addr string) (*Conn, error) {
	conn, err := (&net.Dialer{Timeout: Patience}).DialContext(context.Background(), "tcp", addr)
	if err != nil {
		return nil, err
	}
	c := &Conn{conn: conn, r: bufio.NewReader(conn)}
	if err := c.shakeHands(addr); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return c, nil
}

func (c *Conn) shakeHands(addr string) error {
	_ = c.conn.SetDeadline(time.Now().Add(Patience))
	const key = "dGhlIHNhbXBsZSBub25jZQ=="
	if _, err := fmt.Fprintf(c.conn, "GET /chat HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n", addr, key); err != nil {
		return err
	}
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusSwitchingProtocols || resp.Header.Get("Sec-WebSocket-Accept") != accept(key) {
		body, _ := io.ReadAll(resp.Body)
		return fmt.Errorf("status %d, header %v: %s", resp.StatusCode, resp.Header, body)
	}
	c.Backend = resp.Header.Get("Backend")
	return nil
}

// Echo sends a message, and wants it back.
func (c *Conn) Echo(message string) error {
	_ = c.conn.SetDeadline(time.Now().Add(Patience))
	mask := binary.BigEndian.AppendUint32(nil, 0x5a17c3e9)
	frame := append([]byte{textFrame, 0x80 | byte(len(message))}, mask...)
	for i := range len(message) {
		frame = append(frame, message[i]^mask[i%4])
	}
	if _, err := c.conn.Write(frame); err != nil {
		return err
	}
	kind, got, err := readFrame(c.r)
	if err != nil || kind != textFrame || string(got) != message {
		return fmt.Errorf("backend %s: sent %q, got %x %q, %w", c.Backend, message, kind, got, err)
	}
	return nil
}

// Ended waits for the other end to close the WebSocket, and returns the status
// of its close frame; 0: there was none.
func (c *Conn) Ended() (status int, err error) {
	_ = c.conn.SetDeadline(time.Now().Add(Patience))
	kind, payload, err := readFrame(c.r)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return 0, fmt.Errorf("backend %s: it has not ended: %w", c.Backend, err)
	case err != nil:
		return 0, nil //nolint:nilerr // it has ended
	case kind != closeFrame || len(payload) < 2:
		return 0, fmt.Errorf("backend %s: got %x %q", c.Backend, kind, payload)
	}
	return int(binary.BigEndian.Uint16(payload)), nil
}

// Close ends the connection without a word.
func (c *Conn) Close() error { return c.conn.Close() }

// readFrame returns the first byte and the payload of a frame.
func readFrame(r *bufio.Reader) (kind byte, payload []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	length := head[1] & 0x7f
	if kind = head[0]; kind != textFrame && kind != closeFrame || length > 125 {
		return kind, nil, fmt.Errorf("frame begins with %x", head)
	}
	var mask [4]byte
	if head[1]&0x80 != 0 {
		if _, err := io.ReadFull(r, mask[:]); err != nil {
			return kind, nil, err
		}
	}
	payload = make([]byte, length)
	if _, err := io.ReadFull(r, payload); err != nil {
		return kind, nil, err
	}
	for i := range payload {
		payload[i] ^= mask[i%4]
	}
	return kind, payload, nil
}
