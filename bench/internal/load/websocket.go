package load

import (
	"bytes"
	"context"
	"fmt"

	"github.com/coder/websocket"
)

// messageSize is how long the messages of WebSocket are.
const messageSize = 128

// WebSocket drives tunnels in a closed loop: each connection sends its next
// message when the last one has come back. Messages count as requests.
func WebSocket(ctx context.Context, job Job) (Result, error) {
	message := bytes.Repeat([]byte("x"), messageSize)
	var conns []*websocket.Conn
	defer func() {
		for _, conn := range conns {
			_ = conn.CloseNow()
		}
	}()
	clients := make([]client, job.Connections)
	for i := range clients {
		conn, _, err := websocket.Dial(ctx, job.URL, nil) //nolint:bodyclose // it is the connection's
		if err != nil {
			return Result{}, err
		}
		conns = append(conns, conn)
		clients[i] = func(ctx context.Context) error { return echo(ctx, conn, message) }
	}
	return closedLoop(ctx, clients, job.Duration), nil
}

// echo sends a message and waits for it to come back.
func echo(ctx context.Context, conn *websocket.Conn, message []byte) error {
	if err := conn.Write(ctx, websocket.MessageBinary, message); err != nil {
		return err
	}
	_, got, err := conn.Read(ctx)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, message) {
		return fmt.Errorf("message of %d bytes came back as one of %d bytes, or another", len(message), len(got))
	}
	return nil
}
