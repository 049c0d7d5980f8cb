package integration

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestQueuedUploadEndsWithItsClient has requests with bodies wait, whose clients
// leave: nobody else would know, as Go's server looks at a connection only once
// the body was read to its end.
func TestQueuedUploadEndsWithItsClient(t *testing.T) {
	plain, secure, backend := freePort(t), freePort(t), startBusy(t)
	p := startCaddy(t, fmt.Sprintf(`
{
	skip_install_trust
	auto_https disable_redirects
}
http://:%d, https://localhost:%d {
	tls internal
	load_balance {
		pool web
		backend %s {
			max_requests 1
		}
		queue 10 1h
	}
}`, plain, secure, backend.addr), "caddyfile")
	roots := p.internalCA(t)
	front := fmt.Sprintf("http://127.0.0.1:%d", plain)
	client := newClient(t, nil)
	client.Timeout = time.Minute
	goOn := sync.OnceFunc(func() { close(backend.goOn) })
	t.Cleanup(goOn)
	busy := call(t, client, front+"/busy")
	wantStarted(t, backend, "/busy")

	dial := map[string]func() (net.Conn, error){
		"plain": func() (net.Conn, error) { return net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", plain)) },
		"TLS": func() (net.Conn, error) {
			return tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", secure), &tls.Config{RootCAs: roots, ServerName: "localhost"})
		},
	}
	for name, dial := range dial {
		for what, request := range map[string]string{
			"small":            "Content-Length: 5\r\n\r\nhello",
			"large":            "Content-Length: 10000000\r\n\r\n" + strings.Repeat("x", 20_000),
			"large in chunks":  "Transfer-Encoding: chunked\r\n\r\n30000\r\n" + strings.Repeat("x", 80_000),
			"waits to be told": "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n",
		} {
			t.Run(name+" "+what, func(t *testing.T) {
				var conn net.Conn
				eventually(t, func() (err error) { // the certificate is being made
					conn, err = dial()
					return err
				})
				_, _ = io.WriteString(conn, "POST /left HTTP/1.1\r\nHost: localhost\r\n"+request)
				p.waitQueued(t, 1)
				_ = conn.Close()
				p.waitQueued(t, 0)
			})
		}
	}
	stays := call(t, client, front+"/stays")
	p.waitQueued(t, 1)
	goOn()
	busy.wantFrom(t, backend.addr)
	stays.wantFrom(t, backend.addr)
	wantStarted(t, backend, "/stays")
	if s := p.queue(t); s.InFlight != 0 || s.Queue.Served != 1 || s.Queue.Left != 8 {
		t.Errorf("%+v, %+v", s, s.Queue)
	}
	if a := get(t, client, front); a.StatusCode != http.StatusOK {
		t.Errorf("status %d", a.StatusCode)
	}
}
