package proxy

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/quic-go/quic-go/http3"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// serveHTTP3 runs an HTTP/3 server and returns its port.
func serveHTTP3(t *testing.T, cert tls.Certificate, handler http.Handler) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http3.Server{Handler: handler, TLSConfig: http3.ConfigureTLSConfig(&tls.Config{Certificates: []tls.Certificate{cert}})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(conn)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		_ = conn.Close()
		<-done
	})
	return conn.LocalAddr().String()
}

func TestHTTP3BothSides(t *testing.T) {
	cert := certificate(t)
	backend := serveHTTP3(t, cert, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%s %s %q via=%s", r.Proto, r.Method, body, r.Header.Get("Via"))
	}))
	cfg := to(backend)
	cfg.Transport = &config.Transport{
		Versions: []string{"3"}, TLS: &config.TLS{RootCAPool: []string{base64DER(cert)}},
	}
	h := provision(t, cfg)
	front := serveHTTP3(t, cert, h)
	client := &http3.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer func() { _ = client.Close() }()
	for _, c := range []struct{ method, body string }{{"GET", ""}, {"POST", "hello"}, {"GET", ""}} {
		req, err := http.NewRequest(c.method, "https://"+front+"/", strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, "answer", string(body), fmt.Sprintf("HTTP/3.0 %s %q via=3.0 Caddy", c.method, c.body))
	}
	h.release()
}

func TestWebSocketOverHTTP3(t *testing.T) {
	h := provision(t, to(rawBackend(t, switching(t, "", func(p *peer) {
		p.send("you said " + p.rest())
	}))))
	front := serveHTTP3(t, certificate(t), h)
	client := &http3.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer func() { _ = client.Close() }()
	pr, pw := io.Pipe()
	req, err := http.NewRequest("CONNECT", "https://"+front+"/chat", pr)
	if err != nil {
		t.Fatal(err)
	}
	req.Proto = "websocket"
	go func() {
		_, _ = io.WriteString(pw, "hello")
		_ = pw.Close()
	}()
	res, err := client.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	wantStatus(t, res, 200)
	body, err := io.ReadAll(res.Body)
	if err != nil || string(body) != "you said hello" {
		t.Errorf("body %q, %v", body, err)
	}
	_ = res.Body.Close()
	eventually(t, "tunnel to end", func() bool { return h.pool.Snapshot().Members[0].Tunnels() == 0 })
}
