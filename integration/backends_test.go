package integration

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
)

// startBackend serves on a port of this machine, over HTTP/1.1 and over HTTP/2
// without TLS, until the test ends.
func startBackend(t *testing.T, port int, handler http.Handler) *httptest.Server {
	t.Helper()
	ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(handler)
	_ = srv.Listener.Close()
	srv.Listener = ln
	srv.Config.Protocols = new(http.Protocols)
	srv.Config.Protocols.SetHTTP1(true)
	srv.Config.Protocols.SetUnencryptedHTTP2(true)
	srv.Start()
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
	})
	return srv
}

// named answers every request with the backend's name, and some facts of the
// request in headers.
func named(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Backend", name)
		w.Header().Set("Server", "backend")
		w.Header().Set("Saw-Proto", r.Proto)
		w.Header().Set("Saw-Forwarded-Proto", r.Header.Get("X-Forwarded-Proto"))
		w.Header().Set("Saw-Request-Id", r.Header.Get("X-Request-Id"))
		w.Header().Set("Saw-Internal", r.Header.Get("X-Internal"))
		_, _ = fmt.Fprintf(w, "ok, from %s\n", name)
	})
}

// startNamed starts a named backend on each of the ports, as relocated.
func startNamed(t *testing.T, r relocation, ports ...int) {
	t.Helper()
	for _, port := range ports {
		startBackend(t, r.port(t, port), named(strconv.Itoa(port)))
	}
}
