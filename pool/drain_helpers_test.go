package pool

import (
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// drainTest is a pool of a:1 and b:1, in a bubble of time.
type drainTest struct {
	*testing.T
	*Pool
	rec recorder
	def *Definition
}

// inDrainTest runs test in a bubble of time. A pool that is sticky has all
// clients at a:1.
func inDrainTest(t *testing.T, sticky bool, test func(*drainTest)) {
	synctest.Test(t, func(t *testing.T) {
		d := &drainTest{T: t, def: define(t, "a:1", "b:1")}
		d.def.Sink = d.rec.sink
		if sticky {
			d.def.Sticky = allAt("a:1")
		}
		d.Pool = newTestPool(t, nil, d.def)
		test(d)
	})
}

// allAt keeps all clients with one backend.
type allAt string

func (a allAt) NewSessions(backends []*Backend, _ Sessions) Sessions {
	i := slices.IndexFunc(backends, func(b *Backend) bool { return b.id == string(a) })
	if i < 0 {
		return atHome{}
	}
	return atHome{backends[i]}
}

type atHome struct{ home *Backend }

func (h atHome) Home(*Request) *Backend { return h.home }

func (atHome) Begin(*Request, *Member, http.Header, bool) {}

func (atHome) Continue(http.Header) {}

func (d *drainTest) wait(after time.Duration) {
	time.Sleep(after)
	synctest.Wait()
}

func (d *drainTest) finished() []Event { return d.events(EventDrainFinished) }

func (d *drainTest) member() *Member { return d.Snapshot().Find("a:1") }

func (d *drainTest) view() BackendView {
	v, _, _ := d.ViewBackend("a:1")
	return v
}

func (d *drainTest) patch(patch Patch) {
	d.Helper()
	must(d, d.Patch("a:1", patch, Options{}))
	synctest.Wait()
}

func (d *drainTest) ready() {
	d.Helper()
	d.patch(Patch{AdminState: ptr(Ready)})
}

func (d *drainTest) drain(deadline time.Duration, then Then) {
	d.Helper()
	plan := DrainPlan{Since: time.Now(), Then: then}
	if deadline > 0 {
		plan.Deadline = plan.Since.Add(deadline)
	}
	d.patch(Patch{AdminState: ptr(Drain), Drain: &plan})
}

// take returns a slot at a:1.
func (d *drainTest) take() *Member {
	d.Helper()
	for {
		m, err := d.Acquire(&Request{})
		must(d, err)
		if m.ID() == "a:1" {
			return m
		}
		defer m.Release()
	}
}

func (d *drainTest) events(name string) (list []Event) {
	d.rec.mu.Lock()
	defer d.rec.mu.Unlock()
	for _, e := range d.rec.events {
		if e.Name == name {
			list = append(list, e)
		}
	}
	return list
}

func (d *drainTest) wantDone(why string, then Then, lasted time.Duration) {
	d.Helper()
	events := d.finished()
	if len(events) != 1 || events[0].Reason != why || events[0].Then != then || events[0].Lasted != lasted || events[0].Backend != "a:1" {
		d.Fatalf("events %+v, want one of %q after %v, with %q to follow", events, why, lasted, then)
	}
}

func (d *drainTest) wantWaiting(what string) {
	d.Helper()
	if n := len(d.finished()); n > 0 {
		d.Fatalf("the drain has ended %d times", n)
	}
	if v := d.view().Draining; v == nil || v.Done || v.WaitingFor != what {
		d.Fatalf("view %+v, want it to wait for %q", v, what)
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
