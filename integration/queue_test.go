package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// busyBackend answers each request when it is told to.
type busyBackend struct {
	addr    string
	goOn    chan struct{}
	now     atomic.Int64 // requests being answered
	most    atomic.Int64
	started chan string // the paths of requests, as they come in
}

func startBusy(t *testing.T) *busyBackend {
	port := freePort(t)
	b := &busyBackend{addr: fmt.Sprintf("127.0.0.1:%d", port), goOn: make(chan struct{}), started: make(chan string, 100)}
	startBackend(t, port, b)
	return b
}

// ServeHTTP implements http.Handler.
func (b *busyBackend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := b.now.Add(1)
	defer b.now.Add(-1)
	if n > b.most.Load() {
		b.most.Store(n)
	}
	b.started <- r.URL.Path
	select {
	case <-b.goOn:
		_, _ = fmt.Fprint(w, b.addr)
	case <-r.Context().Done():
	}
}

// queueStatus is the status of a pool, as far as it is about the queue.
type queueStatus struct {
	Queued   int `json:"queued"`
	InFlight int `json:"in_flight"`
	Queue    *struct {
		Size     int     `json:"size"`
		Timeout  float64 `json:"timeout"`
		Longest  float64 `json:"longest"`
		Wait     float64 `json:"wait"`
		Waited   int     `json:"waited"`
		Served   int     `json:"served"`
		TimedOut int     `json:"timed_out"`
		Left     int     `json:"left"`
		Refused  int     `json:"refused"`
	} `json:"queue"`
}

func (p *proc) queue(t *testing.T) (s queueStatus) {
	t.Helper()
	if err := json.Unmarshal([]byte(p.api(t, http.MethodGet, "/load_balance/pools/web", "", http.StatusOK)), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func (p *proc) waitQueued(t *testing.T, n int) {
	t.Helper()
	eventually(t, func() error {
		if s := p.queue(t); s.Queued != n {
			return fmt.Errorf("%d requests wait, want %d", s.Queued, n)
		}
		return nil
	})
}

// caller is a request that goes on in the background.
type caller struct {
	cancel context.CancelFunc
	done   chan struct{}
	answer answer
	err    error
}

func call(t *testing.T, client *http.Client, url string) *caller {
	ctx, cancel := context.WithCancel(t.Context())
	c := &caller{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		var req *http.Request
		if req, c.err = http.NewRequestWithContext(ctx, http.MethodGet, url, nil); c.err == nil {
			c.answer, c.err = do(client, req)
		}
	}()
	return c
}

func (c *caller) wantFrom(t *testing.T, backend string) {
	t.Helper()
	<-c.done
	if c.err != nil || c.answer.StatusCode != http.StatusOK || c.answer.body != backend {
		t.Errorf("%v, %v %q; want it from %s", c.err, c.answer.Response, c.answer.body, backend)
	}
}

func wantStarted(t *testing.T, b *busyBackend, path string) {
	t.Helper()
	select {
	case got := <-b.started:
		if got != path {
			t.Errorf("%s came in at %s, want %s", got, b.addr, path)
		}
	case <-time.After(10 * time.Second):
		t.Fatalf("%s did not come in at %s", path, b.addr)
	}
}

// queueConfig has handle_errors tell what the client and the log would not.
const queueConfig = `http://%s {
	load_balance {
		pool web
		backend %s {
			max_requests 1
		}
		queue %s
	}
	handle_errors {
		header Waited "{http.load_balance.queue_ms}"
		respond "{http.load_balance.error}"
	}
}
`

// TestQueue has requests wait for a full backend: they are served in order, while
// clients leave, the config is reloaded and a backend is added.
func TestQueue(t *testing.T) {
	front, first, second := freeAddr(t), startBusy(t), startBusy(t)
	p := startCaddy(t, fmt.Sprintf(queueConfig, front, first.addr, "4 1m"), "caddyfile")
	client := newClient(t, nil)
	client.Timeout = time.Minute
	at := func(path string) *caller { return call(t, client, "http://"+front+path) }

	busy := at("/0")
	wantStarted(t, first, "/0")
	var callers []*caller
	for i := range 4 {
		callers = append(callers, at(fmt.Sprintf("/%d", i+1)))
		p.waitQueued(t, i+1)
	}
	refused := get(t, client, "http://"+front)
	if refused.StatusCode != http.StatusServiceUnavailable || refused.Header.Get("Retry-After") == "" ||
		refused.body != "queue is full: 4 requests wait for a backend" {
		t.Errorf("status %d, %v: %s", refused.StatusCode, refused.Header, refused.body)
	}
	callers[1].cancel()
	p.waitQueued(t, 3)

	if status, body := p.load(t, fmt.Sprintf(queueConfig, front, first.addr, "1 1s")); status != http.StatusOK {
		t.Fatalf("reload: status %d: %s", status, body)
	}
	s := p.queue(t)
	if s.Queued != 3 || s.InFlight != 1 || s.Queue.Size != 1 || s.Queue.Timeout != 1000 || s.Queue.Longest <= 0 || s.Queue.Left != 1 || s.Queue.Refused != 1 {
		t.Errorf("after the reload: %+v, %+v", s, s.Queue)
	}
	if a := get(t, client, "http://"+front); a.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("status %d: %s", a.StatusCode, a.body)
	}
	p.api(t, http.MethodPost, "/load_balance/backends", fmt.Sprintf(`{"address": %q, "max_requests": 1}`, second.addr), http.StatusCreated)
	wantStarted(t, second, "/1")
	p.waitQueued(t, 2)
	close(second.goOn)
	callers[0].wantFrom(t, second.addr)
	wantStarted(t, second, "/3")
	callers[2].wantFrom(t, second.addr)
	wantStarted(t, second, "/4")
	callers[3].wantFrom(t, second.addr)
	close(first.goOn)
	busy.wantFrom(t, first.addr)
	<-callers[1].done
	eventually(t, func() error {
		if s = p.queue(t); s.Queued != 0 || s.InFlight != 0 {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	if s.Queue.Waited != 4 || s.Queue.Served != 3 || s.Queue.TimedOut != 0 || s.Queue.Wait <= 0 || first.most.Load() > 1 || second.most.Load() > 1 {
		t.Errorf("in the end: %+v", s.Queue)
	}
}

// TestQueueWhileAllAreDown has requests wait for the only backend: too long, and
// then until it is back.
func TestQueueWhileAllAreDown(t *testing.T) {
	front, port := freeAddr(t), freePort(t)
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	config := strings.Replace(fmt.Sprintf(queueConfig, front, addr, "100 1s"), "pool web", "pool web\n\t\thealth_interval 100ms\n\t\thealth_initial down", 1)
	p := startCaddy(t, config, "caddyfile")
	client := newClient(t, nil)
	a := get(t, client, "http://"+front)
	if a.StatusCode != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" ||
		!strings.HasPrefix(a.body, "timed out waiting 1") || !strings.HasSuffix(a.body, "s for a backend: no backend accepts requests") {
		t.Errorf("status %d, %v: %s", a.StatusCode, a.Header, a.body)
	}
	if ms, err := strconv.ParseFloat(a.Header.Get("Waited"), 64); err != nil || ms < 1000 || ms > 10_000 {
		t.Errorf("waited %q ms", a.Header.Get("Waited"))
	}
	if status, body := p.load(t, strings.Replace(config, "100 1s", "100 1m", 1)); status != http.StatusOK {
		t.Fatalf("reload: status %d: %s", status, body)
	}
	var callers []*caller
	for range 20 {
		callers = append(callers, call(t, client, "http://"+front))
	}
	p.waitQueued(t, len(callers))
	startBackend(t, port, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, addr) }))
	for _, c := range callers {
		c.wantFrom(t, addr)
	}
	if s := p.queue(t); s.Queued != 0 || s.Queue.Served != len(callers) || s.Queue.TimedOut != 1 {
		t.Errorf("%+v, %+v", s, s.Queue)
	}
	p.api(t, http.MethodPatch, "/load_balance/pools/web/backends/"+url.PathEscape(addr)+"?force=true", `{"admin_state": "maintenance"}`, http.StatusOK)
	c := call(t, client, "http://"+front)
	p.waitQueued(t, 1)
	p.api(t, http.MethodPatch, "/load_balance/pools/web/backends/"+url.PathEscape(addr), `{"admin_state": "ready"}`, http.StatusOK)
	c.wantFrom(t, addr)
}
