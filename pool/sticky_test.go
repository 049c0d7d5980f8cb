package pool

import (
	"errors"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// register keeps clients by the field Client of their requests.
type register map[string]string

// sessions are those of a register with backends.
type sessions struct {
	register
	backends []*Backend
}

func (r register) NewSessions(backends []*Backend, _ Sessions) Sessions { return sessions{r, backends} }

func (s sessions) Home(q *Request) *Backend {
	id := s.register[q.HTTP.Header.Get("Client")]
	if i := slices.IndexFunc(s.backends, func(b *Backend) bool { return b.id == id }); i >= 0 {
		return s.backends[i]
	}
	return nil
}

func (s sessions) Begin(q *Request, b *Member, h http.Header, _ bool) {
	s.register[q.HTTP.Header.Get("Client")] = b.id
	h.Add("Session", b.id)
}

func (s sessions) Continue(h http.Header) { h.Add("Session", "continued") }

// visit is a request of a client that is being served.
type visit struct {
	Request
	pool *Pool
	m    *Member
}

func visitBy(p *Pool, client string) *visit {
	v := &visit{pool: p}
	v.Reset(nil, &http.Request{Header: http.Header{"Client": {client}}})
	return v
}

// begin acquires a backend and returns its id.
func (v *visit) begin(t testing.TB) string {
	t.Helper()
	m, err := v.pool.Acquire(&v.Request)
	must(t, err)
	v.m = m
	return m.ID()
}

// end answers the request and returns what became of the session.
func (v *visit) end() string {
	h := make(http.Header)
	v.Settle(v.m, h, true, false)
	v.m.Release()
	return h.Get("Session")
}

// expect has a client make a request, and checks where it goes and what becomes
// of the session.
func expect(t testing.TB, p *Pool, client, backend, session string) {
	t.Helper()
	v := visitBy(p, client)
	if got := v.begin(t); got != backend {
		t.Errorf("client %s went to %s, want %s", client, got, backend)
	}
	if got := v.end(); got != session {
		t.Errorf("the session of client %s: %q, want %q", client, got, session)
	}
}

func stickyPool(t testing.TB, r register, addrs ...string) *Pool {
	def := define(t, addrs...)
	def.Sticky = r
	return newTestPool(t, nil, def)
}

func TestSessionOutlastsDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := stickyPool(t, register{"anna": "a:1", "bert": "a:1"}, "a:1", "b:1")
		expect(t, p, "anna", "a:1", "continued")
		must(t, p.Patch("a:1", Patch{AdminState: ptr(Drain)}, Options{}))
		for range 4 {
			expect(t, p, "anna", "a:1", "continued")
		}
		expect(t, p, "new", "b:1", "b:1")
		p.SetHealth(p.Snapshot().Find("a:1").Backend, Down, "x")
		time.Sleep(10 * time.Millisecond)
		expect(t, p, "anna", "b:1", "b:1")
		must(t, p.Patch("a:1", Patch{AdminState: ptr(Maintenance)}, Options{}))
		expect(t, p, "bert", "b:1", "b:1")
	})
}

// When a session was there last is what tells that a drain is over.
func TestLastSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := stickyPool(t, register{"anna": "a:1"}, "a:1", "b:1")
		last := func(id string) time.Time {
			v, _, _ := p.ViewBackend(id)
			return v.LastSession
		}
		if at := last("a:1"); !at.IsZero() {
			t.Errorf("before anyone came: %s", at)
		}
		time.Sleep(time.Minute)
		must(t, p.Patch("a:1", Patch{AdminState: ptr(Drain)}, Options{}))
		expect(t, p, "anna", "a:1", "continued")
		expect(t, p, "new", "b:1", "b:1")
		came := time.Now().Truncate(time.Second)
		time.Sleep(time.Minute)
		expect(t, p, "new", "b:1", "continued")
		if at := last("a:1"); !at.Equal(came) {
			t.Errorf("the last session on a:1 is of %s, want %s", at, came)
		}
		if at := last("b:1"); !at.Equal(came.Add(time.Minute)) {
			t.Errorf("the last session on b:1 is of %s, want %s", at, came.Add(time.Minute))
		}
	})
}

// A pool of which all is drained serves the sessions that there are.
func TestSessionWhereNoneAccepts(t *testing.T) {
	p := stickyPool(t, register{"anna": "b:1"}, "a:1", "b:1")
	for _, id := range []string{"a:1", "b:1"} {
		must(t, p.Patch(id, Patch{AdminState: ptr(Drain)}, Options{Force: true}))
	}
	expect(t, p, "anna", "b:1", "continued")
	if _, err := p.Acquire(&visitBy(p, "new").Request); !errors.Is(err, ErrNoBackend) {
		t.Errorf("a new client got %v", err)
	}
	must(t, p.Patch("b:1", Patch{MaxRequests: ptr(1)}, Options{Force: true}))
	v := visitBy(p, "anna")
	v.begin(t)
	if _, err := p.Acquire(&visitBy(p, "anna").Request); !errors.Is(err, ErrAllFull) {
		t.Errorf("with the backend of the session full: %v", err)
	}
	v.end()
}

func TestSessionIsHandedOver(t *testing.T) {
	for name, out := range map[string]func(*testing.T, *Pool){
		"down": func(_ *testing.T, p *Pool) { p.SetHealth(p.Snapshot().Find("a:1").Backend, Down, "x") },
		"ejected": func(_ *testing.T, p *Pool) {
			p.Eject(p.Snapshot().Find("a:1"), time.Now().Add(time.Hour), "x")
		},
		"maintenance": func(t *testing.T, p *Pool) {
			must(t, p.Patch("a:1", Patch{AdminState: ptr(Maintenance)}, Options{}))
		},
		"removed": func(t *testing.T, p *Pool) { must(t, p.Remove("a:1", Options{})) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := stickyPool(t, register{"anna": "a:1"}, "a:1", "b:1", "c:1")
				out(t, p)
				time.Sleep(10 * time.Millisecond)
				v := visitBy(p, "anna")
				picked := v.begin(t)
				if picked == "a:1" {
					t.Fatal("the request went to the backend that is out")
				}
				if got := v.end(); got != picked {
					t.Errorf("the session went to %q, the request to %s", got, picked)
				}
				expect(t, p, "anna", picked, "continued")
			})
		})
	}
}

// A session stays with a backend of a lower tier when the first one is back.
func TestSessionStaysInItsTier(t *testing.T) {
	def := define(t, "a:1", "spare:1")
	def.Backends[1].Priority = 1
	def.Sticky = register{"anna": "spare:1"}
	p := newTestPool(t, nil, def)
	expect(t, p, "anna", "spare:1", "continued")
	expect(t, p, "new", "a:1", "a:1")
}

// A full backend keeps the session, and others help out.
func TestSessionOfFullBackend(t *testing.T) {
	def := define(t, "a:1", "b:1")
	def.Backends[0].MaxRequests = 1
	def.Sticky = register{"anna": "a:1"}
	p := newTestPool(t, nil, def)
	first := visitBy(p, "anna")
	first.begin(t)
	expect(t, p, "anna", "b:1", "continued")
	first.end()
	expect(t, p, "anna", "a:1", "continued")
}

// A retry goes elsewhere, and takes the session with it if it is answered.
func TestSessionOfRetriedRequest(t *testing.T) {
	def := define(t, "a:1", "b:1")
	def.Sticky = register{"anna": "a:1"}
	p := newTestPool(t, nil, def)
	v := visitBy(p, "anna")
	for i, want := range []string{"a:1", "b:1", "a:1"} { // the last one as none is left
		if got := v.begin(t); got != want {
			t.Fatalf("attempt %d went to %s", i, got)
		}
		v.MarkTried(v.m.Backend)
		v.m.Release()
	}
	h := make(http.Header)
	v.Settle(p.Snapshot().Find("a:1"), h, true, false)
	if got := h.Get("Session"); got != "continued" {
		t.Errorf("answered by its own backend after all: %q", got)
	}
	again := visitBy(p, "anna")
	again.begin(t)
	again.MarkTried(again.m.Backend)
	again.m.Release()
	again.begin(t)
	if got := again.end(); got != "b:1" {
		t.Errorf("answered by another backend: %q", got)
	}
	expect(t, p, "anna", "b:1", "continued")
}

// A picker that keeps loads hears of slots that sessions take.
func TestTrackerHearsOfSessions(t *testing.T) {
	policy := new(trackingPolicy)
	def := &Definition{Backends: specs(t, "a:1", "b:1"), Policy: policy, Sticky: register{"anna": "b:1"}}
	p := newTestPool(t, nil, def)
	v := visitBy(p, "anna")
	v.begin(t)
	if want := []string{"b:1"}; !slices.Equal(policy.heard, want) {
		t.Errorf("it heard of %v, want %v", policy.heard, want)
	}
	v.end()
	if want := []string{"b:1", "b:1"}; !slices.Equal(policy.heard, want) {
		t.Errorf("it heard of %v, want %v", policy.heard, want)
	}
}

// trackingPolicy notes which loads have changed.
type trackingPolicy struct {
	rotator
	heard []string
}

func (p *trackingPolicy) NewPicker(members []*Member, _ Picker) Picker {
	p.members = members
	return p
}
func (p *trackingPolicy) LoadChanged(m *Member) { p.heard = append(p.heard, m.id) }
func (p *trackingPolicy) Refresh()              {}

func TestReloadChangesStickiness(t *testing.T) {
	r := register{"anna": "b:1"}
	def := define(t, "a:1", "b:1")
	p := newTestPool(t, nil, def)
	expect(t, p, "anna", "a:1", "")
	sticky := *def
	sticky.Sticky = r
	p.Commit("config 2", &sticky)
	expect(t, p, "anna", "b:1", "continued")
	p.Withdraw("config 2")
	v := visitBy(p, "anna")
	v.begin(t)
	if got := v.end(); got != "" {
		t.Errorf("without stickiness: %q", got)
	}
}

func TestUnstickyAcquireDoesNotAllocate(t *testing.T) {
	p := newTestPool(t, nil, &Definition{Backends: []Spec{spec(t, config.Backend{Address: "a:1"})}, Policy: rotate{}})
	var q Request
	if n := testing.AllocsPerRun(100, func() {
		m, err := p.Acquire(&q)
		must(t, err)
		m.Release()
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// A backend that returns from an ejection gets one request at a time. Others of
// its sessions are served elsewhere until it has proved itself, rather than wait
// for it, even if there is a queue.
func TestSessionOfProbingBackend(t *testing.T) {
	for _, queue := range []int{0, 10} {
		synctest.Test(t, func(t *testing.T) {
			def := define(t, "a:1", "b:1")
			def.Ejections, def.Sticky = testRules, register{"anna": "a:1"}
			def.Queue = QueueLimits{Size: queue, Timeout: time.Minute}
			p := newTestPool(t, nil, def)
			eject(t, p, "a:1", Ejected)
			v, _, _ := p.ViewBackend("a:1")
			time.Sleep(time.Until(v.EjectedUntil))
			settle()
			first, second := clientComes(p, "anna"), clientComes(p, "anna")
			wantStates(t, []*guest{first, second}, "a:1", "b:1")
			h := make(http.Header)
			if second.Settle(second.m, h, true, false); h.Get("Session") != "continued" {
				t.Errorf("the session went with the request: %v", h)
			}
			p.Pass(first.m)
			first.leave()
			second.leave()
			settle()
			both := []*guest{clientComes(p, "anna"), clientComes(p, "anna")}
			wantStates(t, both, "a:1", "a:1")
			both[0].leave()
			both[1].leave()
		})
	}
}
