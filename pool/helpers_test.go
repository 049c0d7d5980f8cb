package pool

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rotate is a plain round robin.
type rotate struct{}

func (rotate) NewPicker(members []*Member, _ Picker) Picker { return &rotator{members: members} }

type rotator struct {
	members []*Member
	next    atomic.Uint64
}

func (r *rotator) Pick(q *Request) *Member {
	start := r.next.Add(1) - 1
	for i := range uint64(len(r.members)) {
		if m := r.members[(start+i)%uint64(len(r.members))]; q.Take(m) {
			return m
		}
	}
	return nil
}

// recorder collects events.
type recorder struct {
	mu     sync.Mutex
	events []Event
}

func (r *recorder) sink(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

// names returns what was recorded, as "event backend".
func (r *recorder) names() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]string, len(r.events))
	for i, e := range r.events {
		list[i] = e.Name + " " + e.Backend
	}
	return list
}

// watcher records what the pool wants to have watched.
type watcher struct{ targets []Target }

func (w *watcher) Watch(_ *Pool, targets []Target) { w.targets = targets }

// fakeTransports make transports that know whether they were closed, and
// whether they are restricted.
type fakeTransports struct {
	kind       string
	restricted bool
}

type fakeTransport struct {
	restricted bool
	closed     atomic.Bool
}

func (t *fakeTransport) CloseIdle() { t.closed.Store(true) }
func (f fakeTransports) New(config.Address) Transport {
	return &fakeTransport{restricted: f.restricted}
}
func (f fakeTransports) Restricted() Transports  { return fakeTransports{f.kind, true} }
func (f fakeTransports) Equal(o Transports) bool { return o == Transports(f) }

// Connector has no way to connect; H2C says whether it is a restricted one.
func (f fakeTransports) Connector(config.Address) Connector { return Connector{H2C: f.restricted} }

func specs(t testing.TB, addrs ...string) []Spec {
	t.Helper()
	list := make([]Spec, len(addrs))
	for i, a := range addrs {
		list[i] = spec(t, config.Backend{Address: a})
	}
	return list
}

func spec(t testing.TB, b config.Backend) Spec {
	t.Helper()
	s, err := NewSpec(b, FromConfig)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func define(t testing.TB, addrs ...string) *Definition {
	return &Definition{Backends: specs(t, addrs...), Policy: rotate{}, Transports: fakeTransports{}}
}

// newTestPool returns a pool that a config claims with def.
func newTestPool(t testing.TB, monitor Monitor, def *Definition) *Pool {
	t.Helper()
	r := NewRegistry(monitor)
	p, err := r.Acquire("test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Release("test"); err != nil {
			t.Error(err)
		}
	})
	p.Commit("config 1", def)
	return p
}

func ids(p *Pool) string {
	var list []string
	for _, m := range p.Snapshot().Members {
		list = append(list, m.ID())
	}
	return fmt.Sprint(list)
}

func accepting(p *Pool) string {
	var list []string
	for _, t := range p.Snapshot().Tiers {
		for _, m := range t.Members {
			list = append(list, m.ID())
		}
	}
	return fmt.Sprint(list)
}

func ptr[T any](v T) *T { return &v }
