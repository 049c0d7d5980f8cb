package integration

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
)

// TestExampleGRPC makes gRPC calls, which are HTTP/2 requests with messages in
// frames of a five-byte head, and the status in trailers.
func TestExampleGRPC(t *testing.T) {
	r := make(relocation)
	for _, port := range []int{50051, 50052} {
		startBackend(t, r.port(t, port), grpcServer())
	}
	p := startCaddyAt(t, r.addr(t, 2019), r.text(t, readFile(t, "examples/grpc/Caddyfile")), "caddyfile")
	client := newClient(t, &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: p.internalCA(t)},
		ForceAttemptHTTP2: true,
	})
	url := r.text(t, "https://localhost:8443")
	waitServing(t, client, url+"/ready")

	t.Run("stream in both directions", func(t *testing.T) { grpcEcho(t, client, url, 20) })
	t.Run("unary", func(t *testing.T) { grpcEcho(t, client, url, 1) })
	t.Run("error", func(t *testing.T) {
		body, in := io.Pipe()
		_ = in.Close()
		resp := grpcCall(t, client, url+"/test.Echo/Missing", body)
		if _, err := io.ReadAll(resp.Body); err != nil {
			t.Fatal(err)
		}
		// without messages, the status may come as a header
		if got := resp.Header.Get("Grpc-Status") + resp.Trailer.Get("Grpc-Status"); got != "12" {
			t.Errorf("got grpc-status %q, want 12: %v %v", got, resp.Header, resp.Trailer)
		}
	})
}

// grpcEcho makes a call of n messages. Each is sent when the echo of the one
// before it has come, so nothing may wait for the end of the body.
func grpcEcho(t *testing.T, client *http.Client, url string, n int) {
	t.Helper()
	body, in := io.Pipe()
	defer func() { _ = in.Close() }()
	resp := grpcCall(t, client, url+"/test.Echo/Stream", body)
	for i := range n {
		message := fmt.Sprintf("message %d", i)
		if _, err := in.Write(grpcFrame(message)); err != nil {
			t.Fatal(err)
		}
		if got, err := readGRPC(resp.Body); err != nil || got != message {
			t.Fatalf("got %q, %v; want %q", got, err, message)
		}
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) > 0 {
		t.Fatalf("after the last message came %q, %v", rest, err)
	}
	if got := resp.Trailer.Get("Grpc-Status"); got != "0" {
		t.Errorf("got grpc-status %q in the trailers %v, want 0", got, resp.Trailer)
	}
}

func grpcCall(t *testing.T, client *http.Client, url string, body io.Reader) *http.Response {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, url, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/grpc")
	req.Header.Set("TE", "trailers")
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "application/grpc" {
		t.Fatalf("got status %d, header %v", resp.StatusCode, resp.Header)
	}
	return resp
}

// grpcServer echoes messages as they come. It insists on HTTP/2 and on
// `TE: trailers`, as gRPC servers do.
func grpcServer() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/ready" {
			return
		}
		if r.ProtoMajor != 2 || r.Header.Get("TE") != "trailers" || r.Header.Get("Content-Type") != "application/grpc" {
			http.Error(w, fmt.Sprintf("not gRPC: %s %v", r.Proto, r.Header), http.StatusUnsupportedMediaType)
			return
		}
		w.Header().Set("Content-Type", "application/grpc")
		if r.URL.Path != "/test.Echo/Stream" {
			w.Header().Set("Grpc-Status", "12") // unimplemented
			return
		}
		w.Header().Set("Trailer", "Grpc-Status")
		rc := http.NewResponseController(w)
		_ = rc.Flush() // the head goes before the first message
		for {
			message, err := readGRPC(r.Body)
			if errors.Is(err, io.EOF) {
				w.Header().Set("Grpc-Status", "0")
				return
			}
			if err != nil {
				w.Header().Set("Grpc-Status", "13") // internal
				return
			}
			_, _ = w.Write(grpcFrame(message))
			_ = rc.Flush()
		}
	})
}

// grpcFrame is a message that is not compressed, behind its length.
func grpcFrame(message string) []byte {
	frame := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message)))
	return append(frame, message...)
}

func readGRPC(r io.Reader) (string, error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return "", err
	}
	message := make([]byte, binary.BigEndian.Uint32(head[1:]))
	_, err := io.ReadFull(r, message)
	return string(message), err
}
