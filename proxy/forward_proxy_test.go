package proxy

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// through makes the harness go through a forward proxy to its backends.
func through(t *testing.T, cfg *config.Handler, address string) *harness {
	t.Helper()
	h := provision(t, cfg)
	u, err := url.Parse("http://" + address)
	if err != nil {
		t.Fatal(err)
	}
	maker, err := NewTransports(h.ctx, cfg.Transport)
	if err != nil {
		t.Fatal(err)
	}
	maker.(*transports).forward = http.ProxyURL(u)
	m := h.pool.Snapshot().Members[0]
	m.Transport = maker.New(m.Address())
	t.Cleanup(m.Transport.CloseIdle)
	h.serve(nil)
	return h
}

func TestForwardProxy(t *testing.T) {
	t.Run("http", func(t *testing.T) {
		heads := make(chan string, 3)
		h := through(t, to("10.255.255.1:80"), rawBackend(t, capturing(heads)))
		for range 2 {
			res, _ := h.exchange("GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
			wantStatus(t, res, 200)
			if head := receive(t, heads, "request"); !strings.HasPrefix(head, "GET http://a/x HTTP/1.1\r\n") {
				t.Errorf("request %q", head)
			}
		}
	})
	t.Run("https", func(t *testing.T) {
		cert := certificate(t)
		srv := &harness{t: t, release: func() {}}
		backend := srv.serveHandler(serverTLSOf(cert), http.HandlerFunc(about), nil)
		forward := rawBackend(t, func(p *peer) {
			if head := p.head(); !strings.HasPrefix(head, "CONNECT "+backend+" HTTP/1.1\r\n") {
				t.Errorf("request %q", head)
			}
			conn, err := net.Dial("tcp", backend)
			if err != nil {
				t.Error(err)
				return
			}
			p.send("HTTP/1.1 200 OK\r\n\r\n")
			done := make(chan struct{})
			go func() {
				defer close(done)
				_, _ = io.Copy(p.Conn, conn)
			}()
			_, _ = io.Copy(conn, p.br)
			_ = conn.Close()
			<-done
		})
		cfg := to("https://" + backend)
		cfg.Transport = &config.Transport{TLS: &config.TLS{RootCAPool: []string{base64DER(cert)}}}
		h := through(t, cfg, forward)
		res, body := h.exchange("GET / HTTP/1.1\r\nHost: front\r\n\r\n")
		wantStatus(t, res, 200)
		wantEqual(t, "answer", body, "HTTP/2.0 "+backend+" sni= xfh=front")
	})
}
