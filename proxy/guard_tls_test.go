package proxy

import (
	"crypto/tls"
	"strings"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// A body that ends with the connection is complete over TLS only if TLS has
// ended first.
func TestBodyUntilCloseOverTLS(t *testing.T) {
	cert := certificate(t)
	transport := &config.Transport{TLS: &config.TLS{RootCAPool: []string{base64DER(cert)}, ServerName: "localhost"}}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, proper := range []bool{true, false} {
			ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}, MaxVersion: version})
			if err != nil {
				t.Fatal(err)
			}
			serveRaw(t, ln, func(p *peer) {
				p.head()
				p.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello")
				if !proper {
					_ = p.Conn.(*tls.Conn).NetConn().Close()
				}
			})
			cfg := to("https://" + ln.Addr().String())
			cfg.Transport = transport
			h := start(t, cfg)
			client := h.dial()
			client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
			client.head()
			got := client.rest()
			if complete := strings.HasSuffix(got, "hello\r\n0\r\n\r\n"); complete != proper {
				t.Errorf("version %x, TLS ended properly: %v, but the response looks complete: %v (%q)", version, proper, complete, got)
			}
		}
	}
}
