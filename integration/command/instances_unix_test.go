//go:build unix

package command

import (
	"syscall"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

// TestInstances has two processes on one storage: what is done at one of them is
// waited for at both.
func TestInstances(t *testing.T) {
	a, b := backend(t, "a"), backend(t, "b")
	s := serve(t, "--backend", a)
	other := &server{t: t, home: s.home, admin: process.Addr(t), front: process.Addr(t)}
	other.caddy = other.start("--backend", a)
	process.Eventually(t, func() error {
		return has(s.must("status"), "instances: 2, and all have the same backends")
	})
	added := s.do("add", b, "--sync", "20s")
	same(t, "code", added.code, 0)
	same(t, "messages", added.errOut, "all 2 instances have it\n")
	contains(t, "status of the other", other.must("status"), "of 2 backends", b)

	if err := other.caddy.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	late := s.do("weight", b, "4", "--sync", "100ms")
	if err := other.caddy.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	same(t, "code while the other does nothing", late.code, 7)
	contains(t, "message while the other does nothing", late.errOut, "Error: it is done, but after 100ms not all of 2 instances have it: behind are ", " (pid ")
	process.Eventually(t, func() error { return has(other.must("status"), b+"  up          4 ") })
}
