package admin

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// viewStore stores nothing, and tells of two instances.
type viewStore struct {
	err     error
	waits   chan time.Duration // how long each Await may take
	current chan struct{}      // closed once the other one is
}

func (s *viewStore) Update(_ string, change func([]byte) ([]byte, error)) error {
	_, err := change(nil)
	return err
}

func (s *viewStore) View(_ string, number uint64) pool.StoreView {
	v := pool.StoreView{Err: s.err, Number: number, LastSync: time.Now()}
	v.Instances = []pool.InstanceView{
		{ID: "0123456789abcdef", Host: "one", PID: 1, Started: time.Now(), Number: number, Seen: time.Now(), Current: true, Self: true},
		{ID: "fedcba9876543210", Host: "two", PID: 2},
	}
	select {
	case <-s.current:
		v.Instances[1].Current = true
	default:
	}
	return v
}

func (s *viewStore) Await(ctx context.Context, _ string, _ func() uint64) {
	deadline, _ := ctx.Deadline()
	s.waits <- time.Until(deadline)
	select {
	case <-s.current:
	case <-ctx.Done():
	}
}

func showWith(t *testing.T, s *server, query string) poolJSON {
	t.Helper()
	rep := s.do(http.MethodGet, "/load_balance/pools/web"+query, "")
	s.want(rep, http.StatusOK, "")
	var p poolJSON
	decode(t, rep.body, &p)
	return p
}

// A pool shows how its storage is doing, and who shares it.
func TestShowsInstances(t *testing.T) {
	s := newServer(t, nil)
	store := &viewStore{waits: make(chan time.Duration, 10), current: make(chan struct{})}
	s.addPool("web", &pool.Definition{Backends: specs(t, []config.Backend{{Address: "127.0.0.1:9001"}}), Store: store})
	p := showWith(t, s, "")
	if p.Storage.Status != storageOK || p.Storage.LastSync == nil || len(p.Instances) != 2 {
		t.Errorf("got %+v and %+v", p.Storage, p.Instances)
	}
	if p.Instances[0].Current == p.Instances[1].Current || !p.Instances[0].Self {
		t.Errorf("got %+v", p.Instances)
	}
	s.want(s.do(http.MethodGet, "/load_balance/status", ""), http.StatusOK, "")
	s.want(s.do(http.MethodGet, "/load_balance/pools", ""), http.StatusOK, "")

	store.err = errors.New("no space left on device")
	if p = showWith(t, s, ""); p.Storage.Status != storageFailing || p.Storage.Error != "no space left on device" {
		t.Errorf("got %+v", p.Storage)
	}
	s.addPool("off", &pool.Definition{Backends: specs(t, []config.Backend{{Address: "127.0.0.1:9001"}})})
	rep := s.do(http.MethodGet, "/load_balance/pools/off", "")
	s.want(rep, http.StatusOK, "")
	decode(t, rep.body, &p)
	if p.Storage.Status != storageOff {
		t.Errorf("without a store, it is %+v", p.Storage)
	}
}

// An answer waits for other instances if it is told to, and no longer than it
// may.
func TestWaitsForInstances(t *testing.T) {
	s := newServer(t, nil)
	store := &viewStore{waits: make(chan time.Duration, 10), current: make(chan struct{})}
	s.addPool("web", &pool.Definition{Backends: specs(t, []config.Backend{{Address: "127.0.0.1:9001"}}), Store: store})
	if p := showWith(t, s, "?wait=1ms"); p.Instances[1].Current {
		t.Error("an instance is current that is not")
	}
	if limit := <-store.waits; limit > time.Millisecond {
		t.Errorf("it was to wait %s, not 1ms", limit)
	}
	go func() {
		<-store.waits
		close(store.current)
	}()
	if p := showWith(t, s, "?wait=10m"); slices.ContainsFunc(p.Instances, func(i instanceJSON) bool { return !i.Current }) {
		t.Errorf("it has not waited: %+v", p.Instances)
	}
	for _, wait := range []string{"5", "x", "-1s", "601s", "1h"} {
		s.want(s.do(http.MethodGet, "/load_balance/pools/web?wait="+wait, ""), http.StatusBadRequest, codeBadQuery)
	}
}

// The end of the admin endpoint ends the wait.
func TestWaitEndsWithEndpoint(t *testing.T) {
	s := newServer(t, nil)
	done := make(chan struct{})
	s.api.done = done
	store := &viewStore{waits: make(chan time.Duration, 10), current: make(chan struct{})}
	s.addPool("web", &pool.Definition{Backends: specs(t, []config.Backend{{Address: "127.0.0.1:9001"}}), Store: store})
	go func() {
		<-store.waits
		close(done)
	}()
	showWith(t, s, "?wait=10m")
}

// deadlines remembers what limits the reading of a request has been given.
type deadlines struct {
	http.ResponseWriter
	read []time.Time
}

func (d *deadlines) SetReadDeadline(at time.Time) error {
	d.read = append(d.read, at)
	return nil
}

// Caddy's limit on reading requests does not end the wait.
func TestWaitHasNoReadLimit(t *testing.T) {
	s := newAPI(t, nil)
	store := &viewStore{waits: make(chan time.Duration, 10), current: make(chan struct{})}
	close(store.current)
	s.addPool("web", &pool.Definition{Backends: specs(t, []config.Backend{{Address: "127.0.0.1:9001"}}), Store: store})
	for query, want := range map[string]int{"": 0, "?wait=1m": 1} {
		w := &deadlines{ResponseWriter: httptest.NewRecorder()}
		s.handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/load_balance/pools/web"+query, nil))
		if len(w.read) != want || want > 0 && !w.read[0].IsZero() {
			t.Errorf("with %q, the limits on reading are %v", query, w.read)
		}
	}
}
