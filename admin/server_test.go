package admin

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// server is the API with pools of its own, behind a router such as Caddy's.
type server struct {
	t        testing.TB
	api      *API
	registry *pool.Registry
	monitor  *monitor
	handler  http.Handler
	url      string // "" if it does not listen
	logs     *observer.ObservedLogs
}

// newServer returns a server that listens. The pools have these backends.
func newServer(t testing.TB, pools map[string][]config.Backend) *server {
	t.Helper()
	s := newAPI(t, pools)
	listener := httptest.NewServer(s.handler)
	t.Cleanup(listener.Close)
	s.url = listener.URL
	return s
}

// newAPI returns a server that does not listen.
func newAPI(t testing.TB, pools map[string][]config.Backend) *server {
	t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	s := &server{t: t, monitor: newMonitor(t), logs: logs}
	s.registry = pool.NewRegistry(s.monitor)
	s.api = &API{registry: s.registry, logger: zap.New(core)}
	mux := http.NewServeMux()
	for _, route := range s.api.Routes() {
		mux.HandleFunc(route.Pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := route.Handler.ServeHTTP(w, r); err != nil {
				t.Errorf("%s %s: the handler returned %v", r.Method, r.URL, err)
			}
		})
	}
	s.handler = mux
	for name, backends := range pools {
		s.addPool(name, &pool.Definition{Backends: specs(t, backends)})
	}
	return s
}

// addPool puts a pool in service until the test ends.
func (s *server) addPool(name string, def *pool.Definition) *pool.Pool {
	s.t.Helper()
	p, err := s.registry.Acquire(name)
	if err != nil {
		s.t.Fatal(err)
	}
	def.Policy = firstPolicy{}
	p.Commit(s, def)
	s.t.Cleanup(func() {
		p.Withdraw(s)
		if err := s.registry.Release(name); err != nil {
			s.t.Error(err)
		}
	})
	return p
}

func specs(t testing.TB, backends []config.Backend) []pool.Spec {
	t.Helper()
	var list []pool.Spec
	for _, b := range backends {
		spec, err := pool.NewSpec(b, pool.FromConfig)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, spec)
	}
	return list
}

// two are backends for tests that do not care.
func two() map[string][]config.Backend {
	return map[string][]config.Backend{"web": {{Address: "127.0.0.1:9001"}, {Address: "127.0.0.1:9002"}}}
}

// several are more pools than one.
func several() map[string][]config.Backend {
	return map[string][]config.Backend{
		"web": {{Address: "127.0.0.1:9001"}, {Address: "127.0.0.1:9002"}},
		"api": {{Address: "127.0.0.1:9003"}},
	}
}

// request is what a test sends.
type request struct {
	method, target string
	body           io.Reader
	contentType    string // application/json if empty and there is a body
	header         http.Header
	broken         bool // the body is in chunks that are none
}

// reply is what it gets.
type reply struct {
	status int
	header http.Header
	body   []byte
	key    string // see document.judge
}

// do sends a request, and makes sure that the answer is as described.
func (s *server) do(method, target, body string, header ...string) reply {
	s.t.Helper()
	req := request{method: method, target: target, header: make(http.Header)}
	if body != "" {
		req.body = strings.NewReader(body)
	}
	for i := 0; i < len(header); i += 2 {
		req.header.Add(header[i], header[i+1])
	}
	return s.send(req)
}

func (s *server) send(req request) reply {
	s.t.Helper()
	r, err := http.NewRequest(req.method, s.url+req.target, req.body)
	if err != nil {
		s.t.Fatal(err)
	}
	if req.header != nil {
		r.Header = req.header
	}
	switch {
	case req.contentType != "":
		r.Header.Set("Content-Type", req.contentType)
	case req.body != nil && r.Header["Content-Type"] == nil:
		r.Header.Set("Content-Type", "application/json")
	}
	if req.broken {
		r.Header.Set("Content-Type", "application/json")
		return s.sendBroken(r)
	}
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		Timeout:       10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.receive(r, resp)
}

// sendBroken sends the head of a request, and a body whose framing is broken.
func (s *server) sendBroken(r *http.Request) reply {
	s.t.Helper()
	conn, err := net.Dial("tcp", r.URL.Host)
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		s.t.Fatal(err)
	}
	_, err = fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\nnone\r\n",
		r.Method, r.URL.RequestURI(), r.URL.Host, r.Header.Get("Content-Type"))
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), r)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.receive(r, resp)
}

// receive reads an answer.
func (s *server) receive(r *http.Request, resp *http.Response) reply {
	s.t.Helper()
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	rep := reply{status: resp.StatusCode, header: resp.Header, body: body}
	s.check(r, &rep)
	return rep
}

// direct calls the handler without a network.
func (s *server) direct(ctx context.Context, method, target, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(ctx, method, "http://localhost"+target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w
}

// check makes sure that an answer is as described.
func (s *server) check(r *http.Request, rep *reply) {
	s.t.Helper()
	doc, err := description()
	if err != nil {
		s.t.Fatal(err)
	}
	path := r.URL.EscapedPath()
	rep.key, err = doc.judge(exchange{r.Method, path, rep.status, rep.header, rep.body})
	if err != nil {
		s.t.Errorf("%s %s: %v", r.Method, r.URL, err)
	}
	if got := rep.header.Get("Cache-Control"); got != "no-store" {
		s.t.Errorf("%s %s: Cache-Control is %q", r.Method, r.URL, got)
	}
	if got := rep.header.Get("X-Content-Type-Options"); got != "nosniff" {
		s.t.Errorf("%s %s: X-Content-Type-Options is %q", r.Method, r.URL, got)
	}
	if len(rep.body) == 0 {
		return
	}
	if got := rep.header.Get("Content-Type"); got != "application/json" {
		s.t.Errorf("%s %s: Content-Type is %q", r.Method, r.URL, got)
	}
	if !bytes.HasSuffix(rep.body, []byte("}\n")) && !bytes.HasSuffix(rep.body, []byte("]\n")) {
		s.t.Errorf("%s %s: the body is not one line: %q", r.Method, r.URL, rep.body)
	}
}

// want makes sure of the status and the code of an answer.
func (s *server) want(rep reply, status int, code string) failure {
	s.t.Helper()
	var f failure
	if rep.status >= 400 {
		decode(s.t, rep.body, &f)
	}
	if rep.status != status || f.Code != code {
		s.t.Errorf("got %d %q, want %d %q: %s", rep.status, f.Code, status, code, rep.body)
	}
	return f
}

func decode(t testing.TB, body []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(body, v); err != nil {
		t.Fatalf("%v in %q", err, body)
	}
}

// revision returns the revision of a pool.
func (s *server) revision(name string) uint64 {
	s.t.Helper()
	p, ok := s.registry.Lookup(name)
	if !ok {
		s.t.Fatalf("no pool %q", name)
	}
	return p.View().Revision
}

// ids returns the ids of a pool's backends.
func (s *server) ids(name string) string {
	s.t.Helper()
	p, ok := s.registry.Lookup(name)
	if !ok {
		s.t.Fatalf("no pool %q", name)
	}
	var ids []string
	for _, b := range p.View().Backends {
		ids = append(ids, b.ID)
	}
	return strings.Join(ids, " ")
}

// monitor stands for health checks: it says of each backend, once, what check
// returns, which may block.
type monitor struct {
	mu    sync.Mutex
	check func(*pool.Backend) pool.Health
	seen  map[*pool.Backend]bool
	wg    sync.WaitGroup
}

func newMonitor(t testing.TB) *monitor {
	m := &monitor{
		check: func(*pool.Backend) pool.Health { return pool.Up },
		seen:  make(map[*pool.Backend]bool),
	}
	t.Cleanup(m.wg.Wait)
	return m
}

// Watch implements pool.Monitor.
func (m *monitor) Watch(p *pool.Pool, targets []pool.Target) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, target := range targets {
		b := target.Backend
		if m.seen[b] {
			continue
		}
		m.seen[b] = true
		check := m.check
		m.wg.Go(func() {
			health := check(b)
			if health == pool.Unknown {
				return
			}
			b.RecordCheck(pool.Check{At: time.Now(), Duration: time.Millisecond, OK: health == pool.Up, Text: "checked"})
			p.SetHealth(b, health, fmt.Sprintf("said to be %s", health))
		})
	}
}

// firstPolicy picks the first backend that is free.
type firstPolicy []*pool.Member

// NewPicker implements pool.Policy.
func (firstPolicy) NewPicker(members []*pool.Member, _ pool.Picker) pool.Picker {
	return firstPolicy(members)
}

// Pick implements pool.Picker.
func (f firstPolicy) Pick(q *pool.Request) *pool.Member {
	for _, m := range f {
		if q.Take(m) {
			return m
		}
	}
	return nil
}

// Rehearse implements pool.Rehearser.
func (f firstPolicy) Rehearse() pool.Rehearsal { return f }

// Explain implements pool.Rehearsal.
func (f firstPolicy) Explain(*pool.Request, *pool.Member) pool.Account {
	a := pool.Account{Reason: "first in line", Members: make([]pool.Standing, len(f))}
	for i := range a.Members {
		a.Members[i] = pool.Standing{Share: -1, Reason: "behind the first"}
	}
	a.Members[0].Share = 1
	return a
}

// Interface guards
var (
	_ pool.Rehearser = firstPolicy(nil)
	_ pool.Monitor   = (*monitor)(nil)
	_ pool.Policy    = firstPolicy(nil)
	_ pool.Picker    = firstPolicy(nil)
)
