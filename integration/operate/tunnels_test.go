package operate

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
	"github.com/caddy-loadbalance/caddy-loadbalance/integration/websocket"
)

// A WebSocket lives as long as its backend: whatever happens to others, and
// whatever is reloaded.
func TestTunnelsLiveWithTheirBackend(t *testing.T) {
	servers := []*server{startServer(t, "web1"), startServer(t, "web2"), startServer(t, "web3")}
	s := serve(t, t.TempDir(), "", servers...)
	sockets := s.socketsAt("web1", "web2", "web3")
	over2 := s.connect("web1")

	s.do(http.MethodPost, "/backends", fmt.Sprintf(`{"id": "web4", "address": %q}`, startServer(t, "web4").addr), http.StatusCreated)
	s.do(http.MethodPatch, backendPath("web1"), `{"weight": 5}`, http.StatusOK)
	s.do(http.MethodPatch, backendPath("web2"), `{"admin_state": "maintenance"}`, http.StatusOK)
	s.do(http.MethodDelete, backendPath("web4"), "", http.StatusNoContent)
	echo(t, "after changes of others", sockets)
	for range 3 {
		s.reload("lb_policy least_conn\nheader_up A b", servers...)
		s.reload("", servers...)
	}
	echo(t, "after reloads", sockets)
	over2.echo("after reloads")

	s.do(http.MethodDelete, backendPath("web2"), "", http.StatusNoContent)
	goneAway(t, sockets["web2"])
	delete(sockets, "web2")
	echo(t, "after the removal of web2", sockets)

	s.reload("", servers[0], servers[1]) // without web3
	goneAway(t, sockets["web3"])
	delete(sockets, "web3")
	echo(t, "after web3 has left the config", sockets)

	s.do(http.MethodDelete, backendPath("web1")+"?force=true", "", http.StatusNoContent)
	goneAway(t, sockets["web1"])
	over2.goneAway()
	process.Eventually(t, func() error {
		if p := s.pool(); p.Tunnels != 0 || p.InFlight != 0 {
			return fmt.Errorf("%d tunnels, %d in flight", p.Tunnels, p.InFlight)
		}
		return nil
	})
}

// A process that stops tells its WebSockets, and does not wait for them longer
// than it takes to say so.
func TestTunnelsEndWithTheProcess(t *testing.T) {
	servers := []*server{startServer(t, "web1"), startServer(t, "web2")}
	s := serve(t, t.TempDir(), "", servers...)
	sockets := s.socketsAt("web1", "web2")
	over2 := s.connect("web1")
	stopped := make(chan error)
	began := time.Now()
	go func() { stopped <- s.Stop() }()
	for _, ws := range sockets {
		goneAway(t, ws)
	}
	over2.goneAway()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the process took %v to stop, with a grace period of 5s", took)
	}
}

// With stream_close_delay, WebSockets have that time, or what the grace period
// leaves of it.
func TestTunnelsEndWithTheGracePeriod(t *testing.T) {
	s := serve(t, t.TempDir(), "stream_close_delay 1h", startServer(t, "web1"))
	ws := s.socketsAt("web1")["web1"]
	stopped := make(chan error)
	began := time.Now()
	go func() { stopped <- s.Stop() }()
	process.Eventually(t, func() error {
		if _, err := websocket.Open(s.front); err == nil {
			return fmt.Errorf("the server is still there")
		}
		return nil
	})
	if err := ws.Echo("in the grace period"); err != nil {
		t.Error(err)
	}
	goneAway(t, ws)
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took < 2*time.Second || took > 6*time.Second {
		t.Errorf("the process took %v to stop, with a grace period of 5s", took)
	}
}
