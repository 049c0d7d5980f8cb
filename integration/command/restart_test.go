package command

import (
	"strings"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

// start runs a load balancer by the flags of one that was there before, or beside
// it, on its storage.
func (s *server) start(flags ...string) *process.Process {
	s.t.Helper()
	return process.Run(s.t, process.Options{
		Binary: suite.Caddy(s.t, false), Home: s.home, Env: []string{"CADDY_ADMIN=" + s.admin},
		Args: append([]string{"load-balance", "run", "--listen", s.front, "--pool", "web", "--health-interval", "1s"}, flags...),
	})
}

// TestChangesOutliveACrash: what a command has done is there after `kill -9`.
func TestChangesOutliveACrash(t *testing.T) {
	a, b := backend(t, "a"), backend(t, "b")
	s := serve(t, "--backend", a)
	s.must("add", b, "--wait", "20s")
	s.must("weight", a, "9")
	s.caddy.Kill()
	same(t, "code without a server", s.do("status").code, 5)
	s.start("--backend", a)
	contains(t, "status", s.must("status"), "2 of 2 backends", a+"  up          9 ", b+"  up          1 ")
}

func TestNoPersist(t *testing.T) {
	a, b := backend(t, "a"), backend(t, "b")
	s := serve(t, "--backend", a, "--no-persist")
	s.must("add", b)
	contains(t, "status", s.must("status"), "of 2 backends", "\nstorage: off, changes last until Caddy stops\n")
	if err := s.caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	s.start("--backend", a, "--no-persist")
	contains(t, "status after a restart", s.must("status"), "of 1 backend ")
}

func TestHTTPS(t *testing.T) {
	a := backend(t, "a")
	s := &server{t: t, home: t.TempDir(), admin: process.Addr(t), front: process.Addr(t)}
	port := s.front[strings.LastIndex(s.front, ":"):]
	s.front = "https://localhost" + port
	s.start("--backend", a, "--disable-redirects", "--header-down", "X-Backend: {http.load_balance.backend.id}")
	tried := s.must("try", s.front, "-n", "6", "--insecure")
	contains(t, "try", tried, "status 200: 6\n", a+"         6   100% ")
	failed := s.do("try", s.front, "-n", "2")
	same(t, "code without --insecure", failed.code, 8)
	contains(t, "message without --insecure", failed.errOut, "certificate")
}
