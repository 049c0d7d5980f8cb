package operate

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
	"github.com/caddy-loadbalance/caddy-loadbalance/integration/websocket"
)

// drainView is what the admin API shows of a drain.
type drainView struct {
	Since      time.Time `json:"since"`
	Deadline   time.Time `json:"deadline"`
	Then       string    `json:"then"`
	InFlight   int       `json:"in_flight"`
	Tunnels    int       `json:"tunnels"`
	Done       bool      `json:"done"`
	WaitingFor string    `json:"waiting_for"`
}

// drain orders a drain, and returns what the answer says of it.
func (s *site) drain(id, query, body string, want int) drainView {
	s.t.Helper()
	return s.drainIn(s.do(http.MethodPost, backendPath(id)+"/drain"+query, body, want))
}

func (s *site) drainOf(id string) drainView {
	s.t.Helper()
	return s.drainIn(s.do(http.MethodGet, backendPath(id), "", http.StatusOK))
}

func (s *site) drainIn(answer string) drainView {
	s.t.Helper()
	var b struct{ Drain *drainView }
	if err := json.Unmarshal([]byte(answer), &b); err != nil || b.Drain == nil {
		s.t.Fatalf("no drain, %v, in %s", err, answer)
	}
	return *b.Drain
}

// socketsAt opens a WebSocket to each backend.
func (s *site) socketsAt(ids ...string) map[string]*websocket.Conn {
	s.t.Helper()
	sockets := make(map[string]*websocket.Conn)
	for tries := 0; len(sockets) < len(ids); tries++ {
		ws, err := websocket.Open(s.front)
		if err != nil || tries == 100 {
			s.t.Fatalf("opening a WebSocket: %v, to %v", err, sockets)
		}
		if sockets[ws.Backend] != nil {
			_ = ws.Close()
			continue
		}
		s.t.Cleanup(func() { _ = ws.Close() })
		sockets[ws.Backend] = ws
	}
	// those that were closed again do not count any more
	process.Eventually(s.t, func() error {
		if p := s.pool(); p.Tunnels != len(ids) {
			return fmt.Errorf("%d tunnels", p.Tunnels)
		}
		return nil
	})
	return sockets
}

func echo(t *testing.T, when string, sockets map[string]*websocket.Conn) {
	t.Helper()
	for id, ws := range sockets {
		if err := ws.Echo(when); err != nil {
			t.Errorf("%s: the WebSocket to %s: %v", when, id, err)
		}
	}
}

func goneAway(t *testing.T, ws *websocket.Conn) {
	t.Helper()
	if status, err := ws.Ended(); err != nil || status != 1001 {
		t.Errorf("the WebSocket to %s has ended with %d, %v", ws.Backend, status, err)
	}
}

// threeSites starts three backends, and a Caddy that serves them.
func threeSites(t *testing.T, block string) (*site, map[string]*server) {
	t.Helper()
	servers := map[string]*server{"web1": startServer(t, "web1"), "web2": startServer(t, "web2"), "web3": startServer(t, "web3")}
	return serve(t, t.TempDir(), block, servers["web1"], servers["web2"], servers["web3"]), servers
}

// A drain under load loses nothing: no request, no WebSocket of another backend.
// Nothing new comes to the backend once it was ordered, and the answer that was
// waited for comes when nobody is there any more.
func TestDrainUnderLoad(t *testing.T) {
	s, servers := threeSites(t, "")
	load := startLoad(t, s.front)
	sockets := s.socketsAt("web1", "web2", "web3")

	d := s.drain("web1", "", `{"deadline": "1h", "then": "remove"}`, http.StatusAccepted)
	servers["web1"].mayServe(false)
	load.more(t, 100)
	if d.Tunnels != 1 || d.Done || !strings.HasSuffix(d.WaitingFor, "1 tunnel") || d.Deadline.Sub(d.Since) != time.Hour {
		t.Errorf("drain %+v", d)
	}
	process.Eventually(t, func() error {
		if d := s.drainOf("web1"); d.WaitingFor != "1 tunnel" || d.InFlight != 1 {
			return fmt.Errorf("drain %+v", d)
		}
		return nil
	})
	echo(t, "while web1 drains", sockets)

	began := time.Now()
	if d = s.drain("web1", "?wait=20s", `{"deadline": "1s", "then": "remove"}`, http.StatusOK); !d.Done {
		t.Errorf("drain %+v", d)
	}
	if took := time.Since(began); took < time.Second || took > 15*time.Second {
		t.Errorf("the drain took %v", took)
	}
	goneAway(t, sockets["web1"])
	delete(sockets, "web1")
	s.do(http.MethodGet, backendPath("web1"), "", http.StatusNotFound)
	load.more(t, 100)
	echo(t, "after the drain", sockets)
	if p := s.pool(); p.Total != 2 || p.Accepting != 2 || p.Tunnels != 2 {
		t.Errorf("pool %+v", p)
	}
	load.end(t)
}

// A drain ends early when nothing is left, and not with what is cancelled.
func TestDrainEndsEarlyOrIsCancelled(t *testing.T) {
	s, _ := threeSites(t, "")
	sockets := s.socketsAt("web1", "web2", "web3")
	s.drain("web1", "", `{"deadline": "1s", "then": "remove"}`, http.StatusAccepted)
	s.do(http.MethodPatch, backendPath("web1"), `{"admin_state": "ready"}`, http.StatusOK)

	s.drain("web2", "", `{"deadline": "1h", "then": "maintenance"}`, http.StatusAccepted)
	_ = sockets["web2"].Close()
	delete(sockets, "web2")
	s.stands("web2", outOfService)

	if d := s.drain("web3", "?wait=2s", "", http.StatusAccepted); d.WaitingFor != "1 tunnel" {
		t.Errorf("drain %+v", d)
	}
	s.stands("web1", serves) // its deadline has passed long ago
	echo(t, "after a drain that was cancelled", sockets)
}

// A drain goes on over a reload, which closes nothing, and over a crash, which
// its deadline may fall into.
func TestDrainSurvivesReloadAndCrash(t *testing.T) {
	servers := []*server{startServer(t, "web1"), startServer(t, "web2"), startServer(t, "web3")}
	home := t.TempDir()
	s := serve(t, home, "", servers...)
	sockets := s.socketsAt("web1", "web2", "web3")
	before := s.drain("web1", "", `{"deadline": "1h"}`, http.StatusAccepted)
	s.drain("web2", "", `{"deadline": "1h", "then": "remove"}`, http.StatusAccepted)
	s.reload("lb_policy least_conn", servers...)
	echo(t, "after the reload", sockets)
	if d := s.drainOf("web1"); d != before {
		t.Errorf("before the reload %+v, after it %+v", before, d)
	}
	s.Kill()
	s = serve(t, home, "", servers...)
	if d := s.drainOf("web1"); !d.Since.Equal(before.Since) || !d.Deadline.Equal(before.Deadline) || d.Then != "" {
		t.Errorf("before the crash %+v, after it %+v", before, d)
	}
	gone := func() error { // as nothing is left of before, early
		if p := s.pool(); p.Total != 2 {
			return fmt.Errorf("%d backends", p.Total)
		}
		return nil
	}
	process.Eventually(t, gone)

	s.do(http.MethodPatch, backendPath("web1"), `{"admin_state": "ready"}`, http.StatusOK)
	s.socketsAt("web1", "web3")
	s.drain("web1", "", `{"deadline": "1s", "then": "maintenance"}`, http.StatusAccepted)
	s.Kill()
	s = serve(t, home, "", servers...)
	s.stands("web1", outOfService)
	process.Eventually(t, gone)
}

// Two instances on one storage drain the same backend. One has nothing left and
// removes it; the WebSocket of the other one has until the deadline all the
// same.
func TestDrainOnTwoInstances(t *testing.T) {
	servers := []*server{startServer(t, "web1"), startServer(t, "web2")}
	store := t.TempDir()
	a, b := serveShared(t, store, "", servers...), serveShared(t, store, "", servers...)
	sockets := b.socketsAt("web1", "web2")
	process.Eventually(t, func() error { // they know of each other
		var p struct{ Instances []any }
		err := json.Unmarshal([]byte(a.do(http.MethodGet, "", "", http.StatusOK)), &p)
		if err != nil || len(p.Instances) != 2 {
			return fmt.Errorf("instances %v: %w", p.Instances, err)
		}
		return nil
	})
	d := a.drain("web1", "?wait=20s", `{"deadline": "4s", "then": "remove"}`, http.StatusOK)
	if early := time.Until(d.Deadline); early < time.Second {
		t.Errorf("the instance that had nothing left was done %v before the deadline", early)
	}
	process.Eventually(t, func() error {
		if p := b.pool(); p.Total != 1 {
			return fmt.Errorf("the other instance has %d backends", p.Total)
		}
		return nil
	})
	echo(t, "before the deadline", sockets)
	goneAway(t, sockets["web1"])
	if late := time.Since(d.Deadline); late < 0 || late > 10*time.Second {
		t.Errorf("the WebSocket of the other one has ended %v after the deadline", late)
	}
	delete(sockets, "web1")
	echo(t, "after the deadline", sockets)
}
