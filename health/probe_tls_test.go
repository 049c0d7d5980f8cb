package health

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// tlsServer returns a server with TLS, whose certificate is for example.com
// and 127.0.0.1, and the names that clients ask for.
func tlsServer(t *testing.T, http2 bool) (server *httptest.Server, trust *x509.CertPool, names chan string) {
	t.Helper()
	names = make(chan string, 8)
	server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Proto)
	}))
	server.EnableHTTP2 = http2
	server.Config.ErrorLog = nil
	server.TLS = &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		names <- hello.ServerName
		return nil, nil
	}}
	server.StartTLS()
	t.Cleanup(server.Close)
	trust = x509.NewCertPool()
	trust.AddCert(server.Certificate())
	return server, trust, names
}

func TestTLS(t *testing.T) {
	server, trust, names := tlsServer(t, false)
	address := "https://" + server.Listener.Addr().String()
	plain := httpTrial(t, "/", func(http.ResponseWriter, *http.Request) {})
	silent := rawServer(t, "tcp", func(conn net.Conn) {
		_ = conn.(*net.TCPConn).CloseWrite()
		untilGone(conn)
	})

	tests := map[string]struct {
		address  string
		settings config.ActiveHealth
		traffic  *tls.Config
		want     string
		name     string // asked for
	}{
		"by address":          {address, config.ActiveHealth{}, &tls.Config{RootCAs: trust}, "HTTP 200", ""},
		"name of the traffic": {address, config.ActiveHealth{}, &tls.Config{RootCAs: trust, ServerName: "example.com"}, "HTTP 200", "example.com"},
		"name of the probe":   {address, config.ActiveHealth{ServerName: "example.com"}, &tls.Config{RootCAs: trust, ServerName: "other.test"}, "HTTP 200", "example.com"},
		"name by request":     {address, config.ActiveHealth{}, &tls.Config{RootCAs: trust, ServerName: "{http.request.host}"}, "HTTP 200", ""},
		"for another name":    {address, config.ActiveHealth{ServerName: "other.test"}, &tls.Config{RootCAs: trust}, "certificate for another name", "other.test"},
		"of an unknown CA":    {address, config.ActiveHealth{}, &tls.Config{RootCAs: x509.NewCertPool()}, "certificate of an unknown authority", ""},
		"expired":             {address, config.ActiveHealth{}, &tls.Config{RootCAs: trust, Time: func() time.Time { return time.Now().AddDate(200, 0, 0) }}, "certificate expired or not yet valid", ""},
		"unchecked":           {address, config.ActiveHealth{}, &tls.Config{InsecureSkipVerify: true}, "HTTP 200", ""},
		"by scheme alone":     {address, config.ActiveHealth{Scheme: "https"}, nil, "certificate of an unknown authority", ""},
		"not of the traffic":  {plain.address, config.ActiveHealth{Scheme: "http"}, &tls.Config{RootCAs: trust}, "HTTP 200", "-"},
		"not a TLS server":    {plain.address, config.ActiveHealth{}, &tls.Config{RootCAs: trust}, "not a TLS server", "-"},
		"closed at once":      {silent.Addr().String(), config.ActiveHealth{Scheme: "https"}, nil, "connection closed during the TLS handshake", "-"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.settings.URI = "/"
			tr := trial{test.address, test.settings, pool.Connector{TLS: test.traffic}}
			tr.expect(t, test.want, test.want == "HTTP 200")
			if test.name == "-" {
				return
			}
			if got := <-names; got != test.name {
				t.Errorf("asked for name %q, want %q", got, test.name)
			}
		})
	}
}

func TestTLSHandshakeTimeout(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // its backlog accepts for it
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	settings := within(config.ActiveHealth{URI: "/", Scheme: "https"}, 200*time.Millisecond)
	trial{address: l.Addr().String(), settings: settings}.expect(t, "timeout after 200ms", false)
}

func TestTLSTrafficConfigIsNotChanged(t *testing.T) {
	server, trust, _ := tlsServer(t, false)
	traffic := &tls.Config{RootCAs: trust}
	tr := trial{"https://" + server.Listener.Addr().String(), config.ActiveHealth{URI: "/", ServerName: "example.com"}, pool.Connector{TLS: traffic}}
	tr.expect(t, "HTTP 200", true)
	if traffic.ServerName != "" || traffic.NextProtos != nil {
		t.Errorf("has name %q and protocols %v now", traffic.ServerName, traffic.NextProtos)
	}
}

func TestHTTPVersions(t *testing.T) {
	both, trustBoth, _ := tlsServer(t, true)
	one, trustOne, _ := tlsServer(t, false)
	clear2 := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Proto)
	}))
	clear2.Config.Protocols = new(http.Protocols)
	clear2.Config.Protocols.SetUnencryptedHTTP2(true)
	clear2.Start()
	t.Cleanup(clear2.Close)

	tests := map[string]struct {
		server    *httptest.Server
		connector pool.Connector
		proto     string
	}{
		"h2 if the server has it":  {both, pool.Connector{TLS: &tls.Config{RootCAs: trustBoth}}, "HTTP/2.0"},
		"else HTTP/1.1":            {one, pool.Connector{TLS: &tls.Config{RootCAs: trustOne}}, "HTTP/1.1"},
		"not if the traffic isn't": {both, pool.Connector{TLS: &tls.Config{RootCAs: trustBoth, NextProtos: []string{"http/1.1"}}}, "HTTP/1.1"},
		"h2 alone":                 {both, pool.Connector{TLS: &tls.Config{RootCAs: trustBoth, NextProtos: []string{"h2"}}}, "HTTP/2.0"},
		"h2c":                      {clear2, pool.Connector{H2C: true}, "HTTP/2.0"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			settings := config.ActiveHealth{URI: "/", ExpectBody: "^" + test.proto + "$"}
			trial{test.server.Listener.Addr().String(), settings, test.connector}.expect(t, "HTTP 200", true)
		})
	}
}

func TestH2CTimeoutAndNonsense(t *testing.T) {
	silent := rawServer(t, "tcp", untilGone)
	other := rawServer(t, "tcp", func(conn net.Conn) { _, _ = io.WriteString(conn, strings.Repeat("secret", 10)) })
	settings := within(config.ActiveHealth{URI: "/"}, 300*time.Millisecond)
	trial{silent.Addr().String(), settings, pool.Connector{H2C: true}}.expect(t, "timeout after 300ms", false)
	got, passed := trial{other.Addr().String(), settings, pool.Connector{H2C: true}}.run(t)
	if passed || strings.Contains(got, "secret") {
		t.Errorf("got %q, passed %t", got, passed)
	}
}
