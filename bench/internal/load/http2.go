package load

import (
	"context"
	"fmt"
	"io"
	"net/http"
)

// streams is how many requests a connection of HTTP2 has under way.
const streams = 8

// HTTP2 drives HTTP/2 in a closed loop, with as many requests under way as the
// job has connections, but several to a connection.
func HTTP2(ctx context.Context, job Job) (Result, error) {
	clients := make([]client, 0, job.Connections)
	var transports []*http.Transport
	defer func() {
		for _, transport := range transports {
			transport.CloseIdleConnections()
		}
	}()
	for len(clients) < job.Connections {
		transport := http2Transport()
		transports = append(transports, transport)
		send := func(ctx context.Context) error { return getHTTP2(ctx, transport, job.URL) }

		// the first request makes the connection, which the others then share
		if err := send(ctx); err != nil {
			return Result{}, err
		}
		for range min(streams, job.Connections-len(clients)) {
			clients = append(clients, send)
		}
	}
	return closedLoop(ctx, clients, job.Duration), nil
}

func http2Transport() *http.Transport {
	transport := &http.Transport{
		TLSClientConfig:    insecure(),
		Protocols:          new(http.Protocols),
		DisableCompression: true,
	}
	transport.Protocols.SetHTTP2(true)
	return transport
}

func getHTTP2(ctx context.Context, transport *http.Transport, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.ProtoMajor != 2 || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s %s, want HTTP/2 and 200", url, resp.Proto, resp.Status)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}
