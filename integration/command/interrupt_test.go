package command

import (
	"os"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

// TestInterruptedDrainGoesOn: whoever waits for a drain may stop waiting.
func TestInterruptedDrainGoesOn(t *testing.T) {
	a, b := deploy(t), deploy(t)
	s := serve(t, "--backend", a.addr, "--backend", b.addr, "--policy", "first")
	ws := s.tunnel()
	out := newOutput(t)
	cmd := process.Command(t.Context(), s.home, suite.Caddy(t, false), "load-balance", "drain", a.addr, "--address", s.admin, "--then", "maintenance")
	cmd.Stderr = out.file
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	process.Eventually(t, func() error { return out.has("draining " + a.addr + ": waits for 1 tunnel\n") })
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // judged by the code
	same(t, "code", cmd.ProcessState.ExitCode(), 130)
	contains(t, "messages", out.text(), "Error: interrupted; the drain of "+a.addr+" goes on\n")
	contains(t, "status", s.must("status"), a.addr+"  draining ", "waits for 1 tunnel; is in maintenance then\n")
	same(t, "WebSocket", ws.alive(), true)
	_ = ws.conn.Close()
	process.Eventually(t, func() error { return has(s.must("status"), a.addr+"  maintenance ") })
}
