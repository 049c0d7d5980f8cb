package proxy

import (
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/caddytls" // the CA modules

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// about answers with what the backend sees of the request.
func about(w http.ResponseWriter, r *http.Request) {
	name := ""
	if r.TLS != nil {
		name = r.TLS.ServerName
	}
	w.Header().Set("Trailer", "X-Trailer")
	_, _ = fmt.Fprintf(w, "%s %s sni=%s xfh=%s", r.Proto, r.Host, name, r.Header.Get(forwardedHost))
	w.Header().Set("X-Trailer", "1")
}

func TestProtocolsOfBackends(t *testing.T) {
	cert := certificate(t)
	roots := &config.TLS{RootCAPool: []string{base64DER(cert)}}
	both := &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2", "http/1.1"}}
	one := &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}}
	h2c := new(http.Protocols)
	h2c.SetUnencryptedHTTP2(true)
	for _, c := range []struct {
		name      string
		tls       *tls.Config
		protocols *http.Protocols
		scheme    string
		transport *config.Transport
		want      string // %s is host:port
	}{
		{"http", nil, nil, "http://", nil, "HTTP/1.1 front sni= xfh=front"},
		{"https with HTTP/2", both, nil, "https://", &config.Transport{TLS: roots}, "HTTP/2.0 %s sni= xfh=front"},
		{"https with HTTP/1.1", one, nil, "https://", &config.Transport{TLS: roots}, "HTTP/1.1 %s sni= xfh=front"},
		{"versions 1.1", both, nil, "https://", &config.Transport{TLS: roots, Versions: []string{"1.1"}}, "HTTP/1.1 %s sni= xfh=front"},
		{"tls of the transport", both, nil, "", &config.Transport{TLS: roots}, "HTTP/2.0 %s sni= xfh=front"},
		{
			"server name", both, nil, "https://",
			&config.Transport{TLS: &config.TLS{RootCAPool: roots.RootCAPool, ServerName: "other.example"}},
			"HTTP/2.0 %s sni=other.example xfh=front",
		},
		{
			"server name with placeholder", both, nil, "https://",
			&config.Transport{TLS: &config.TLS{InsecureSkipVerify: true, ServerName: "{http.request.host}"}},
			"HTTP/2.0 %s sni=front xfh=front",
		},
		{"h2c", nil, h2c, "h2c://", nil, "HTTP/2.0 front sni= xfh=front"},
		{"versions h2c", nil, h2c, "", &config.Transport{Versions: []string{"h2c"}}, "HTTP/2.0 front sni= xfh=front"},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := &harness{t: t, release: func() {}}
			addr := srv.serveHandler(c.tls, http.HandlerFunc(about), c.protocols)
			cfg := to(c.scheme + addr)
			cfg.Transport = c.transport
			h := start(t, cfg)
			for range 3 {
				res, body := h.exchange("GET / HTTP/1.1\r\nHost: front\r\n\r\n")
				wantStatus(t, res, 200)
				want := c.want
				if strings.Contains(want, "%s") {
					want = fmt.Sprintf(want, addr)
				}
				wantEqual(t, "answer", body, want)
				wantEqual(t, "trailer", res.Trailer.Get("X-Trailer"), "1")
			}
		})
	}
}

func TestExceptPorts(t *testing.T) {
	addr := rawBackend(t, answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
	_, port, _ := net.SplitHostPort(addr)
	cfg := to(addr)
	cfg.Transport = &config.Transport{TLS: &config.TLS{ExceptPorts: []string{port}}}
	res, _ := start(t, cfg).exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	wantStatus(t, res, 200)
}

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "b.sock")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	heads := make(chan string, 2)
	serveRaw(t, ln, capturing(heads))
	h := start(t, to("unix/"+path))
	for range 2 {
		res, _ := h.exchange("GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
		wantStatus(t, res, 200)
		wantEqual(t, "Host", fields(receive(t, heads, "request"), "Host")[0], "a")
	}
}

func TestStrictOverTLS(t *testing.T) {
	cert := certificate(t)
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		t.Fatal(err)
	}
	serveRaw(t, ln, func(p *peer) {
		for {
			head := p.head()
			switch {
			case head == "":
				return
			case strings.HasPrefix(head, "GET /bad"):
				p.send("HTTP/1.1 200 OK\nContent-Length: 0\n\n")
			default:
				p.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen")
			}
		}
	})
	cfg := to("https://" + ln.Addr().String())
	cfg.Transport = &config.Transport{TLS: &config.TLS{RootCAPool: []string{base64DER(cert)}}}
	h := start(t, cfg)
	for range 50 {
		if _, body := h.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n"); body != "ok" {
			t.Fatalf("body %q", body)
		}
	}
	res, _ := h.exchange("GET /bad HTTP/1.1\r\nHost: a\r\n\r\n")
	wantStatus(t, res, 502)
}

func TestWebSocketToTLSBackend(t *testing.T) {
	cert := certificate(t)
	ln, err := tls.Listen("tcp", "127.0.0.1:0", serverTLSOf(cert))
	if err != nil {
		t.Fatal(err)
	}
	serveRaw(t, ln, switching(t, "", echo))
	cfg := to("https://" + ln.Addr().String())
	cfg.Transport = &config.Transport{TLS: &config.TLS{RootCAPool: []string{base64DER(cert)}}}
	h := start(t, cfg)
	c := h.dial()
	c.send(upgradeRequest)
	if head := c.head(); !strings.HasPrefix(head, "HTTP/1.1 101") {
		t.Fatalf("head %q", head)
	}
	c.send("hello")
	wantEqual(t, "echo", c.take(5), "hello")
	_ = closeWrite(c.Conn)
	wantEqual(t, "rest", c.rest(), "")
}

func serverTLSOf(cert tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2", "http/1.1"}}
}

// An HTTP/2 client and backend, with messages both ways and trailers, as gRPC
// has them.
func TestGRPC(t *testing.T) {
	h2c := new(http.Protocols)
	h2c.SetUnencryptedHTTP2(true)
	srv := &harness{t: t, release: func() {}}
	backend := srv.serveHandler(nil, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Te") != "trailers" {
			t.Errorf("TE %q", r.Header["Te"])
		}
		w.Header().Set("Content-Type", "application/grpc")
		rc := http.NewResponseController(w)
		_ = rc.Flush()
		buf := make([]byte, 5)
		for {
			if _, err := io.ReadFull(r.Body, buf); err != nil {
				break
			}
			_, _ = w.Write(buf)
			_ = rc.Flush()
		}
		w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
	}), h2c)
	h := provision(t, to("h2c://"+backend))
	h.serve(serverTLS(t))
	client := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
	defer client.CloseIdleConnections()
	pr, pw := io.Pipe()
	req, err := http.NewRequest("POST", "https://"+h.addr+"/svc/Method", pr)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Te", "trailers")
	res, err := client.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		_, _ = io.WriteString(pw, "hello")
		buf := make([]byte, 5)
		if _, err := io.ReadFull(res.Body, buf); err != nil || string(buf) != "hello" {
			t.Fatalf("message %q, %v", buf, err)
		}
	}
	_ = pw.Close()
	if rest, err := io.ReadAll(res.Body); err != nil || len(rest) > 0 {
		t.Errorf("rest %q, %v", rest, err)
	}
	wantEqual(t, "Grpc-Status", res.Trailer.Get("Grpc-Status"), "0")
}

func TestTruncationOverHTTP2(t *testing.T) {
	h := provision(t, to(rawBackend(t, func(p *peer) {
		p.head()
		p.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
	})))
	h.serve(serverTLS(t))
	client := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
	defer client.CloseIdleConnections()
	req, _ := http.NewRequest("GET", "https://"+h.addr+"/", nil)
	res, err := client.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	wantEqual(t, "protocol", res.ProtoMajor, 2)
	if string(body) != "hello" || err == nil {
		t.Errorf("body %q, %v", body, err)
	}
}

func TestProxyProtocol(t *testing.T) {
	for _, c := range []struct{ version, client, want string }{
		{"v1", "192.0.2.1", "PROXY TCP4 192.0.2.1 0.0.0.0 0 0\r\n"},
		{"v1", "2001:db8::1", "PROXY TCP6 2001:db8::1 :: 0 0\r\n"},
		{"v1", "nonsense", "PROXY UNKNOWN\r\n"},
		{"v2", "192.0.2.1", "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x01\x00\x00\x00\x00\x00\x00\x00\x00"},
		{"v2", "nonsense", "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"},
	} {
		conns := make(chan int, 9)
		cfg := to(rawBackend(t, func(p *peer) {
			if got := p.take(len(c.want)); got != c.want {
				t.Errorf("header %q, want %q", got, c.want)
			}
			for p.head() != "" {
				conns <- p.n
				p.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			}
		}))
		cfg.Transport = &config.Transport{ProxyProtocol: c.version}
		h := provision(t, cfg)
		h.before = func(_ http.ResponseWriter, r *http.Request) {
			caddyhttp.SetVar(r.Context(), caddyhttp.ClientIPVarKey, c.client)
		}
		h.serve(nil)
		for range 2 {
			res, _ := h.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			wantStatus(t, res, 200)
			wantEqual(t, "connection", receive(t, conns, "request"), 0) // one client's, so it is reused
		}
	}
}

func TestTemplateAddress(t *testing.T) {
	heads := make(chan string, 9)
	addr := rawBackend(t, capturing(heads))
	h := start(t, to("{http.request.header.X-To}"))
	for _, c := range []struct {
		to     string
		status int
	}{
		{addr, 200},
		{"", 502},
		{"{http.request.header.X-Other}", 502},
		{"unix//var/run/x.sock", 502},
		{"https://127.0.0.1:1", 502},
		{"127.0.0.1:1-9", 502},
		{"a b:80", 502},
		{":80", 502},
		{"u@127.0.0.1:80", 502},
	} {
		res, _ := h.exchange("GET / HTTP/1.1\r\nHost: a\r\nX-Other: " + addr + "\r\nX-To: " + c.to + "\r\n\r\n")
		if res.StatusCode != c.status {
			t.Errorf("%q: status %d, want %d", c.to, res.StatusCode, c.status)
		}
	}
	wantEqual(t, "requests", len(heads), 1)
	template := h.pool.Snapshot().Members[0].Transport.(*templateTransport)
	for i := range 2 * maxTemplateTransports {
		repl := caddy.NewReplacer()
		repl.Set("http.request.header.X-To", fmt.Sprintf("10.0.0.1:%d", i+1))
		if _, err := template.resolve(repl); err != nil {
			t.Fatal(err)
		}
	}
	wantEqual(t, "transports kept", template.recent.Len(), maxTemplateTransports)
}

func TestTransportsEqual(t *testing.T) {
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	defer cancel()
	file := filepath.Join(t.TempDir(), "ca.pem")
	renew := func() {
		der := certificate(t).Certificate[0]
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	renew()
	build := func(cfg *config.Transport) *transports {
		t.Helper()
		m, err := NewTransports(ctx, cfg)
		if err != nil {
			t.Fatal(err)
		}
		return m.(*transports)
	}
	withFile := &config.Transport{TLS: &config.TLS{RootCAPEMFiles: []string{file}}}
	withModule := &config.Transport{TLS: &config.TLS{CARaw: fmt.Appendf(nil, `{"provider": "file", "pem_files": [%q]}`, file)}}
	before := []*transports{build(nil), build(&config.Transport{DialTimeout: 1}), build(withFile), build(withModule)}
	again := []*transports{build(nil), build(&config.Transport{DialTimeout: 1}), build(withFile), build(withModule)}
	for i := range before {
		for j := range again {
			wantEqual(t, fmt.Sprint(i, " equals ", j), before[i].Equal(again[j]), i == j)
		}
	}
	renew()
	wantEqual(t, "equal after the file has changed", before[2].Equal(build(withFile)), false)
	wantEqual(t, "equal after the module's file has changed", before[3].Equal(build(withModule)), false)
	if withModule.TLS.CARaw == nil {
		t.Error("the configuration was changed")
	}
}

func TestTransportErrors(t *testing.T) {
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	defer cancel()
	for _, cfg := range []*config.Transport{
		{LocalAddress: "udp/127.0.0.1"},
		{LocalAddress: "127.0.0.1:1-5"},
		{Resolver: &config.Resolver{Addresses: []string{"x:1-2"}}},
		{TLS: &config.TLS{Curves: []string{"none"}}},
		{TLS: &config.TLS{RootCAPool: []string{"!"}}},
		{TLS: &config.TLS{RootCAPEMFiles: []string{"/nowhere.pem"}}},
		{TLS: &config.TLS{ClientCertificateFile: "/nowhere", ClientCertificateKeyFile: "/nowhere"}},
		{Versions: []string{"3"}},
		{NetworkProxyRaw: []byte(`{"from": "nothing"}`)},
	} {
		if _, err := NewTransports(ctx, cfg); err == nil {
			t.Errorf("%+v: no error", cfg)
		}
	}
	if !slices.Contains([]string{"1.1 Caddy"}, via("HTTP/1.1", 1, 1)) || via("HTTP/1.0", 1, 0) != "1.0 Caddy" || via("FOO/1.0", 1, 0) != "FOO/1.0 Caddy" {
		t.Error("via")
	}
}
