package health

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/goleak"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// transports connect with a function, and carry no requests.
type transports struct{ connector pool.Connector }

func (t *transports) New(config.Address) pool.Transport       { return idle{} }
func (t *transports) Equal(other pool.Transports) bool        { return t == other }
func (t *transports) Restricted() pool.Transports             { return t }
func (t *transports) Connector(config.Address) pool.Connector { return t.connector }

type idle struct{}

func (idle) CloseIdle() {}

// nobody is a policy that picks nobody.
type nobody struct{}

func (nobody) NewPicker([]*pool.Member, pool.Picker) pool.Picker { return nobody{} }
func (nobody) Pick(*pool.Request) *pool.Member                   { return nil }

// events collect what a pool says happens to its backends.
type events struct {
	mu   sync.Mutex
	list []string // "name id", and the reason if there is one
}

func (e *events) sink(ev pool.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := ev.Name + " " + ev.Backend
	if ev.Reason != "" {
		s += " " + ev.Reason
	}
	e.list = append(e.list, s)
}

func (e *events) take() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := fmt.Sprint(e.list)
	e.list = nil
	return s
}

// rig is a pool watched by a checker.
type rig struct {
	*pool.Pool
	checker *Checker
	def     *pool.Definition
	events  *events
}

// newRig returns a pool with n backends b0, b1, … which are dialed by dial.
func newRig(t testing.TB, n int, active config.ActiveHealth, opts Options, dial dialFunc) *rig {
	t.Helper()
	r := &rig{checker: NewChecker(opts), events: new(events)}
	registry := pool.NewRegistry(r.checker)
	p, err := registry.Acquire("test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := registry.Release("test"); err != nil {
			t.Error(err)
		}
		r.checker.Stop()
	})
	r.Pool = p
	r.def = &pool.Definition{
		Policy: nobody{}, Active: &active, Sink: r.events.sink,
		Transports: &transports{pool.Connector{Dial: dial}},
	}
	for i := range n {
		r.def.Backends = append(r.def.Backends, spec(t, i))
	}
	p.Commit("config 1", r.def)
	return r
}

func spec(t testing.TB, i int) pool.Spec {
	t.Helper()
	s, err := pool.NewSpec(config.Backend{
		ID: fmt.Sprintf("b%d", i), Address: fmt.Sprintf("127.%d.%d.%d:80", i>>16, i>>8&0xff, i&0xff),
	}, pool.FromConfig)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// reload commits the definition changed by change, as a new config does.
func (r *rig) reload(change func(*pool.Definition)) {
	def := *r.def
	change(&def)
	r.Commit("config 2", &def)
	r.Withdraw("config 1")
	r.Commit("config 1", &def)
	r.Withdraw("config 2")
	r.def = &def
}

func (r *rig) view(t testing.TB, id string) pool.BackendView {
	t.Helper()
	v, _, ok := r.ViewBackend(id)
	if !ok {
		t.Fatalf("no backend %q", id)
	}
	return v
}

// every returns settings of TCP probes with an interval and a timeout.
func every(interval, timeout time.Duration) config.ActiveHealth {
	return config.ActiveHealth{Interval: caddy.Duration(interval), Timeout: caddy.Duration(timeout)}
}

// stubConn is a connection that can only be closed.
type stubConn struct{ net.Conn }

func (stubConn) Close() error { return nil }

// sleep waits for d, or until the context has ended.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
