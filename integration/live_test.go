package integration

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// gate is a backend that knows since when it must not get requests.
type gate struct {
	closedAt atomic.Int64 // requests sent after this are wrong
	hits     atomic.Int64
	wrong    atomic.Int64
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	sent, err := strconv.ParseInt(r.Header.Get("X-Sent"), 10, 64)
	if err != nil || sent > g.closedAt.Load() {
		g.wrong.Add(1)
	}
	g.hits.Add(1)
	_, _ = io.WriteString(w, "ok")
}

// stamped sends the time with every request.
type stamped struct{ next http.RoundTripper }

func (s stamped) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Sent", strconv.FormatInt(time.Now().UnixNano(), 10))
	return s.next.RoundTrip(r)
}

// A backend that was removed, drained or put into maintenance gets no request
// that was sent after the answer, and none fails, time and again under load.
func TestNothingAfterTheAnswer(t *testing.T) {
	front, stays := freeAddr(t), freePort(t)
	leaves := freePort(t)
	var base, g gate
	base.closedAt.Store(math.MaxInt64)
	startBackend(t, stays, &base)
	startBackend(t, leaves, &g)
	p := startCaddy(t, fmt.Sprintf("http://%s {\n\tload_balance 127.0.0.1:%d {\n\t\tpool web\n\t}\n}\n", front, stays), "caddyfile")
	transport := &http.Transport{MaxIdleConnsPerHost: 16}
	client := newClient(t, transport)
	client.Transport = stamped{transport}
	load := startLoad(t, client, "http://"+front)

	addr := fmt.Sprintf("127.0.0.1:%d", leaves)
	backend := "/load_balance/pools/web/backends/" + url.PathEscape(addr)
	add := func() {
		g.closedAt.Store(math.MaxInt64)
		p.api(t, http.MethodPost, "/load_balance/pools/web/backends", fmt.Sprintf(`{"address": %q}`, addr), http.StatusCreated)
	}
	serves := func() {
		before := g.hits.Load()
		eventually(t, func() error {
			if g.hits.Load() == before {
				return fmt.Errorf("the backend gets no requests")
			}
			return nil
		})
	}
	state := func(s string) {
		p.api(t, http.MethodPatch, backend, fmt.Sprintf(`{"admin_state": %q}`, s), http.StatusOK)
	}
	for range 10 {
		add()
		serves()
		state("drain")
		g.closedAt.Store(time.Now().UnixNano())
		load.waitFor(t, 20)
		g.closedAt.Store(math.MaxInt64)
		state("ready")
		serves()
		state("maintenance")
		g.closedAt.Store(time.Now().UnixNano())
		load.waitFor(t, 20)
		g.closedAt.Store(math.MaxInt64)
		state("ready")
		serves()
		p.api(t, http.MethodDelete, backend, "", http.StatusNoContent)
		g.closedAt.Store(time.Now().UnixNano())
		load.waitFor(t, 20)
	}
	load.end(t)
	if n := g.wrong.Load(); n > 0 {
		t.Errorf("%d requests came to the backend although they were sent after it was taken out", n)
	}
}

// Requests in flight to a backend finish after it was removed.
func TestRemovalLetsRequestsFinish(t *testing.T) {
	front, slow, other := freeAddr(t), freePort(t), freePort(t)
	entered, finish := make(chan struct{}), make(chan struct{})
	var once sync.Once
	startBackend(t, slow, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "first half, ")
		_ = http.NewResponseController(w).Flush()
		once.Do(func() { close(entered) })
		<-finish
		_, _ = io.WriteString(w, "second half")
	}))
	startBackend(t, other, named("other"))
	p := startCaddy(t, fmt.Sprintf("http://%s {\n\tload_balance 127.0.0.1:%d {\n\t\tpool web\n\t}\n}\n", front, slow), "caddyfile")
	client := newClient(t, nil)
	result := make(chan string, 1)
	go func() {
		a, err := send(client, http.MethodGet, "http://"+front, "")
		if err != nil {
			result <- err.Error()
			return
		}
		result <- a.body
	}()
	<-entered
	p.api(t, http.MethodPost, "/load_balance/backends", fmt.Sprintf(`{"address": "127.0.0.1:%d"}`, other), http.StatusCreated)
	p.api(t, http.MethodDelete, "/load_balance/backends", fmt.Sprintf(`{"address": "127.0.0.1:%d"}`, slow), http.StatusNoContent)
	if a := get(t, client, "http://"+front); !strings.Contains(a.body, "other") {
		t.Errorf("after the removal a request was answered with %q", a.body)
	}
	close(finish)
	if got := <-result; got != "first half, second half" {
		t.Errorf("the request in flight got %q", got)
	}
}

// Requests that wait for a backend get the one that is added meanwhile.
func TestAddedWhileRequestsWait(t *testing.T) {
	front, port := freeAddr(t), freePort(t)
	startBackend(t, port, named("late"))
	p := startCaddy(t, fmt.Sprintf("http://%s {\n\tload_balance 127.0.0.1:%d {\n\t\tpool web\n\t\thealth_initial down\n\t\tlb_try_duration 10s\n\t}\n}\n",
		front, freePort(t)), "caddyfile")
	client := newClient(t, nil)
	results := make(chan string, 8)
	for range cap(results) {
		go func() {
			a, err := send(client, http.MethodPost, "http://"+front, `"body"`)
			if err != nil {
				results <- err.Error()
				return
			}
			results <- a.body
		}()
	}
	p.api(t, http.MethodPost, "/load_balance/backends", fmt.Sprintf(`{"address": "127.0.0.1:%d"}`, port), http.StatusCreated)
	for range cap(results) {
		if got := <-results; got != "ok, from late\n" {
			t.Errorf("a waiting request got %q", got)
		}
	}
}
