package pool

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// candid is a policy that can be asked: the first that has room.
type candid []*Member

func (candid) NewPicker(members []*Member, _ Picker) Picker { return candid(members) }

func (c candid) Pick(q *Request) *Member {
	for _, m := range c {
		if q.Take(m) {
			return m
		}
	}
	return nil
}

func (c candid) Rehearse() Rehearsal { return c }

func (c candid) Explain(*Request, *Member) Account {
	a := Account{Reason: "first", Members: make([]Standing, len(c))}
	for i := range a.Members {
		a.Members[i] = Standing{Share: -1, Reason: "behind"}
	}
	return a
}

func askedOf(session string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	r.Header.Set("Session", session)
	return r
}

// bySession keeps clients with the backend whose id their request has.
type bySession struct{ backends []*Backend }

func (bySession) NewSessions(backends []*Backend, _ Sessions) Sessions { return bySession{backends} }

func (s bySession) Home(q *Request) *Backend {
	for _, b := range s.backends {
		if b.id == q.HTTP.Header.Get("Session") {
			return b
		}
	}
	return nil
}

func (bySession) Begin(*Request, *Member, http.Header, bool) {}
func (bySession) Continue(http.Header)                       {}

// explained is what an explanation says: the chosen one and the reason, and then
// of each backend, in order, why not or why.
func explained(e Explanation) []string {
	id := "none"
	if e.Chosen != nil {
		id = e.Chosen.ID
	}
	list := []string{id + ": " + e.Reason}
	for _, b := range e.Backends {
		list = append(list, b.Reason)
	}
	return list
}

func wantExplained(t *testing.T, p *Pool, r *http.Request, want ...string) {
	t.Helper()
	got := explained(p.Explain(r))
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// hold takes a slot on what a request without a session gets.
func hold(t *testing.T, p *Pool, r *http.Request) *Member {
	t.Helper()
	q := &Request{HTTP: r}
	m, err := p.Acquire(q)
	must(t, err)
	return m
}

func TestExplainReasons(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		def := define(t, "a:1", "b:1", "c:1", "d:1", "e:1", "f:1")
		def.Policy, def.Sticky = candid{}, bySession{}
		def.Ejections = Ejections{Base: time.Minute, Max: time.Hour, MaxPercent: 100}
		def.Backends[0].MaxRequests = 1
		def.Backends[2].Priority = 1
		def.Backends[5].AdminState = Maintenance
		p := newTestPool(t, nil, def)
		defer p.Withdraw("config 1")
		p.SetHealth(p.find("d:1"), Down, "refused")
		p.Eject(p.Snapshot().Find("e:1"), time.Time{}, "5 failures in a row")
		synctest.Wait()
		time.Sleep(time.Second)
		out := []string{"stands by with priority 1: backends of priority 0 take requests", "down: refused", "ejected: 5 failures in a row", "in maintenance"}
		wantExplained(t, p, askedOf(""), append([]string{"a:1: first", "first", "behind"}, out...)...)

		m := hold(t, p, askedOf(""))
		full := "full: 1 in flight, and max_requests is 1"
		wantExplained(t, p, askedOf(""), append([]string{"b:1: first", full, "first"}, out...)...)
		wantExplained(t, p, askedOf("b:1"), "b:1: the client's session belongs to it", full, "the client's session belongs to it",
			`the client's session belongs to "b:1"`, out[1], out[2], out[3])
		wantExplained(t, p, askedOf("a:1"), append([]string{`b:1: "a:1", to which the client's session belongs, has no room for this request; first`, full, "first"}, out...)...)
		m.Release()

		// a backend on trial takes one request at a time, and asking is none
		time.Sleep(2 * time.Minute)
		must(t, p.Remove("a:1", Options{}))
		must(t, p.Remove("b:1", Options{}))
		for range 1000 {
			p.Explain(askedOf(""))
		}
		e := p.Explain(askedOf(""))
		if e.Chosen == nil || e.Chosen.ID != "e:1" || e.Chosen.Reason != "first; returning from an ejection" {
			t.Errorf("of a backend on trial is said %q", explained(e))
		}
		trying := hold(t, p, askedOf(""))
		if trying.ID() != "e:1" {
			t.Fatalf("the trial went to %s", trying.ID())
		}
		wantExplained(t, p, askedOf(""), "c:1: no backend before priority 1 takes it; first", "first", "down: refused",
			"returning: another request is trying it out; returning from an ejection", "in maintenance")
		trying.Release()
	})
}

// What is said of requests that find no slot is what becomes of them.
func TestExplainWithoutSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		def := define(t, "a:1", "b:1")
		def.Policy, def.Sticky, def.MaxRequests = candid{}, bySession{}, 1
		p := newTestPool(t, nil, def)
		defer p.Withdraw("config 1")
		first := hold(t, p, askedOf(""))
		defer first.Release()
		second := hold(t, p, askedOf(""))
		full := "full: 1 in flight, and max_requests is 1"
		wantExplained(t, p, askedOf(""), "none: all accepting backends have reached max_requests: it is answered with 503, unless lb_retries or lb_try_duration have it wait", full, full)

		queued := *def
		queued.Queue = QueueLimits{Size: 1, Timeout: time.Second}
		p.Commit("config 1", &queued)
		wantExplained(t, p, askedOf(""), "none: would wait in the queue, for up to 1s: all accepting backends have reached max_requests", full, full)
		wantExplained(t, p, askedOf("b:1"), `none: would wait in the queue, for up to 1s, for "b:1", to which the client's session belongs`, full, full)

		done := make(chan struct{})
		go func() {
			defer close(done)
			if m, err := p.Wait(t.Context(), &Request{HTTP: askedOf("a:1")}, time.Time{}); err == nil {
				m.Release()
			}
		}()
		synctest.Wait()
		second.Release()
		wantExplained(t, p, askedOf("a:1"), `b:1: "a:1", to which the client's session belongs, has no room for this request; first`,
			"full: requests wait for it whose sessions belong to it", "first")
		second = hold(t, p, askedOf(""))
		wantExplained(t, p, askedOf(""), "none: the queue is full (1 wait): it is answered with 503",
			"full: requests wait for it whose sessions belong to it", full)
		second.Release()
		<-done

		must(t, p.Patch("a:1", Patch{AdminState: ptr(Drain)}, Options{}))
		p.SetHealth(p.find("b:1"), Down, "refused")
		time.Sleep(time.Second)
		wantExplained(t, p, askedOf("a:1"), "none: would wait in the queue, for up to 1s, for \"a:1\", to which the client's session belongs",
			"draining: only serves the clients that it has", "down: refused")
		ignoring := queued
		ignoring.IgnoreHealthWhenAllDown = true
		p.Commit("config 1", &ignoring)
		wantExplained(t, p, askedOf(""), "b:1: no backend is up, so health is ignored; first",
			"draining: only serves the clients that it has", "first; down: refused")
	})
}

// Of a policy that cannot be asked nothing is claimed, and it is not disturbed.
func TestExplainWithSilentPolicy(t *testing.T) {
	def := define(t, "a:1", "b:1")
	def.PolicyName = "rotate"
	def.Backends[1].Priority = 1
	p := newTestPool(t, nil, def)
	defer p.Withdraw("config 1")
	for range 1000 {
		p.Explain(askedOf(""))
	}
	if n := p.Snapshot().Tiers[0].Picker.(*rotator).next.Load(); n != 0 {
		t.Errorf("the policy has picked %d times", n)
	}
	may := "takes requests; whether it gets this one is up to the policy"
	wantExplained(t, p, askedOf(""), "none: the policy rotate decides, and cannot be asked in advance", may, may)
}

// A rehearsed request is taken by those that would take a real one.
func TestRehearsalTakesAsPicksDo(t *testing.T) {
	def := define(t, "a:1")
	def.Backends = []Spec{spec(t, config.Backend{Address: "a:1", MaxRequests: 2})}
	p := newTestPool(t, nil, def)
	defer p.Withdraw("config 1")
	m := p.Snapshot().Members[0]
	for range 4 {
		rehearsed := &Request{rehearsal: new(rehearsal)}
		would := [2]bool{rehearsed.Take(m), rehearsed.TakeUpTo(m, 1)}
		if upToOne := new(Request); upToOne.TakeUpTo(m, 1) != would[1] {
			t.Errorf("with %d in flight, up to one was said to be %v", m.InFlight(), would[1])
		} else if would[1] {
			m.Release()
		}
		if actual := new(Request); actual.Take(m) != would[0] {
			t.Errorf("with %d in flight, a slot was said to be %v", m.InFlight(), would[0])
		}
	}
	if m.InFlight() != 2 {
		t.Errorf("%d in flight", m.InFlight())
	}
	for range 2 {
		m.Release()
	}
}
