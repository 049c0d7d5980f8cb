package admin

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// busy makes the first backend of the pool have a request in flight, and
// returns what ends it.
func (s *server) busy(name string) (release func()) {
	s.t.Helper()
	p, ok := s.registry.Lookup(name)
	if !ok {
		s.t.Fatalf("no pool %q", name)
	}
	m, err := p.Acquire(&pool.Request{})
	if err != nil {
		s.t.Fatal(err)
	}
	return m.Release
}

func (s *server) drainOf(rep reply) *drainJSON {
	s.t.Helper()
	var b backendJSON
	decode(s.t, rep.body, &b)
	if b.Drain == nil {
		s.t.Fatalf("no drain in %s", rep.body)
	}
	return b.Drain
}

// goesOn meets the answer to a drain that goes on.
func goesOn(t *testing.T) reply {
	s := newServer(t, two())
	defer s.busy("web")()
	rep := s.do("POST", oneDrain, `{"deadline": "1h", "then": "remove"}`)
	s.want(rep, 202, "")
	d := s.drainOf(rep)
	if d.Done || d.WaitingFor != "1 request" || d.InFlight != 1 || d.Then != pool.ThenRemove || d.Deadline == nil || d.Deadline.Sub(d.Since) != time.Hour {
		t.Errorf("drain %+v", d)
	}
	return rep
}

// cancelled meets the answer to a drain that somebody else ends.
func cancelled(t *testing.T) reply {
	s := newServer(t, two())
	defer s.busy("web")()
	e := s.openEvents(t)
	answered := make(chan reply)
	go func() { answered <- s.do("POST", oneDrain+"?wait=10m", "") }()
	for e.next().Event != pool.EventDraining {
	}
	s.want(s.do("PATCH", oneBackend, `{"admin_state": "ready"}`), 200, "")
	rep := <-answered
	s.want(rep, 409, codeDrainCancelled)
	if n := s.logs.FilterMessage("backend drain started by request").Len(); n != 1 {
		t.Errorf("%d lines of the log say that the drain has begun", n)
	}
	return rep
}

// An answer that is waited for comes with the end of the drain.
func TestDrainIsWaitedFor(t *testing.T) {
	for _, c := range []struct {
		body  string
		state pool.AdminState
		left  string
	}{
		{`{}`, pool.Drain, "127.0.0.1:9001 127.0.0.1:9002"},
		{`{"then": "maintenance"}`, pool.Maintenance, "127.0.0.1:9001 127.0.0.1:9002"},
		{`{"then": "remove", "deadline": "1h"}`, pool.Drain, "127.0.0.1:9002"},
	} {
		t.Run(c.body, func(t *testing.T) {
			s := newServer(t, two())
			release := s.busy("web")
			e := s.openEvents(t)
			answered := make(chan reply)
			go func() { answered <- s.do("POST", oneDrain+"?wait=10m", c.body) }()
			for e.next().Event != pool.EventDraining {
			}
			release()
			rep := <-answered
			s.want(rep, 200, "")
			var b backendJSON
			decode(t, rep.body, &b)
			if b.AdminState != c.state || b.Accepting || b.Drain == nil || !b.Drain.Done || b.Drain.WaitingFor != "" {
				t.Errorf("backend %+v, drain %+v", b, b.Drain)
			}
			if got := s.ids("web"); got != c.left {
				t.Errorf("pool has %s", got)
			}
			finished := e.next()
			for finished.Event != pool.EventDrainFinished {
				finished = e.next()
			}
			if finished.Reason != "nothing is left" || finished.By != pool.ByDrain {
				t.Errorf("event %+v", finished)
			}
			lines := s.logs.FilterMessage("backend drain started by request").All()
			if len(lines) != 1 {
				t.Errorf("%d lines of the log", len(lines))
			}
		})
	}
}

// The answer is not put off for longer than was asked for.
func TestDrainWaitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newAPI(t, two())
		release := s.busy("web")
		began := time.Now()
		w := s.direct(t.Context(), "POST", oneDrain+"?wait=30s", `{"deadline": "30m"}`)
		if took := time.Since(began); w.Code != 202 || took != 30*time.Second {
			t.Errorf("answered %d after %v", w.Code, took)
		}
		w = s.direct(t.Context(), "POST", oneDrain+"?wait=10m", `{"deadline": "2m", "then": "maintenance"}`)
		if took := time.Since(began); w.Code != 200 || took != 150*time.Second {
			t.Errorf("answered %d after %v: %s", w.Code, took, w.Body)
		}
		release()
	})
}

// What a drain is to do is a part of what a rehearsal shows, and of nothing
// that can be set elsewhere.
func TestDrainInOtherRequests(t *testing.T) {
	s := newServer(t, two())
	defer s.busy("web")()
	s.want(s.do("PATCH", oneBackend, `{"drain": {}}`), 400, codeReadOnlyField)
	s.want(s.do("POST", oneDrain, `{"then": "remove"}`), 202, "")
	list := s.do("GET", allBackends, "")
	s.want(s.do("PUT", allBackends, string(list.body)), 200, "")
	if d := s.drainOf(s.do("GET", oneBackend, "")); d.Then != pool.ThenRemove || d.Done {
		t.Errorf("after it was read and put back, the drain is %+v", d)
	}
	s.want(s.do("PATCH", oneBackend, `{"admin_state": "drain"}`), 200, "")
	if d := s.drainOf(s.do("GET", oneBackend, "")); d.Then != pool.ThenRemove {
		t.Errorf("after it was told to drain again, the drain is %+v", d)
	}
	s.want(s.do("POST", oneDrain, ""), 202, "")
	if d := s.drainOf(s.do("GET", oneBackend, "")); d.Then != pool.StayDrained {
		t.Errorf("after another order, the drain is %+v", d)
	}
}
