package command

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

// app is a program behind the load balancer that is deployed anew: another
// version of it listens on the same address.
type app struct {
	t       *testing.T
	addr    string
	server  *http.Server
	served  chan struct{}
	version int
}

func deploy(t *testing.T) *app {
	t.Helper()
	a := &app{t: t, addr: process.Addr(t)}
	a.start()
	t.Cleanup(a.stop)
	return a
}

func (a *app) start() {
	a.t.Helper()
	a.version++
	answer := fmt.Sprintf("%s v%d", a.addr, a.version)
	a.server, a.served = &http.Server{Addr: a.addr, Handler: echo(answer)}, make(chan struct{})
	ln := mustListen(a.t, a.addr)
	go func() {
		defer close(a.served)
		_ = a.server.Serve(ln)
	}()
}

// stop ends it as a crash does: whoever is connected finds out.
func (a *app) stop() {
	_ = a.server.Close()
	<-a.served
}

// load sends requests without a pause until it is ended.
type load struct {
	ok, failed atomic.Int64
	mu         sync.Mutex
	firstError string
	seen       map[string]bool // answers
	stop       chan struct{}
	clients    sync.WaitGroup
}

func (s *server) load(clients int) *load {
	l := &load{stop: make(chan struct{}), seen: make(map[string]bool)}
	for range clients {
		l.clients.Go(func() {
			for {
				select {
				case <-l.stop:
					return
				default:
					l.note(s.get("/"))
				}
			}
		})
	}
	return l
}

func (l *load) note(body string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		l.ok.Add(1)
		l.seen[body] = true
		return
	}
	if l.failed.Add(1) == 1 {
		l.firstError = err.Error()
	}
}

// end stops the load, and fails the test if a request has failed.
func (l *load) end(t *testing.T) {
	t.Helper()
	close(l.stop)
	l.clients.Wait()
	if l.failed.Load() > 0 || l.ok.Load() == 0 {
		t.Errorf("%d of %d requests have failed; the first: %s", l.failed.Load(), l.ok.Load()+l.failed.Load(), l.firstError)
	}
}

// TestRollingDeploy deploys three programs anew, one after the other, as a
// script would, while requests come. None of them fails.
func TestRollingDeploy(t *testing.T) {
	apps := []*app{deploy(t), deploy(t), deploy(t)}
	flags := []string{"--retries", "0"}
	for _, a := range apps {
		flags = append(flags, "--backend", a.addr)
	}
	s := serve(t, flags...)
	l := s.load(3)
	for _, a := range apps {
		contains(t, "drain", s.must("drain", a.addr), a.addr+" of pool web has drained after ")
		a.stop()
		a.start()
		s.must("ready", a.addr, "--wait", "20s")
	}
	process.Eventually(t, func() error {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, a := range apps {
			if !l.seen[a.addr+" v2"] {
				return fmt.Errorf("%s has not answered as the new version", a.addr)
			}
		}
		return nil
	})
	l.end(t)
}

// TestAddAndDrainUnderLoad replaces all backends while requests come, without
// one that fails.
func TestAddAndDrainUnderLoad(t *testing.T) {
	old := deploy(t)
	s := serve(t, "--backend", old.addr, "--retries", "0")
	l := s.load(3)
	for range 4 {
		fresh := deploy(t)
		s.must("add", fresh.addr, "--wait", "20s")
		contains(t, "drain", s.must("drain", old.addr, "--deadline", "20s", "--then", "remove"), old.addr+" of pool web was removed after ")
		old.stop()
		old = fresh
	}
	l.end(t)
	contains(t, "status", s.must("status"), "pool web: 1 of 1 backend accepting", old.addr+"  up ")
}

// TestDrainLeavesOthersAlone drains a backend with a WebSocket to its deadline.
// That of another one does not notice.
func TestDrainLeavesOthersAlone(t *testing.T) {
	a, b := deploy(t), deploy(t)
	s := serve(t, "--backend", a.addr, "--backend", b.addr)
	first, second := s.tunnel(), s.tunnel()
	if first.answer == second.answer {
		t.Fatalf("both WebSockets are at %s", first.answer)
	}
	drained, _, _ := strings.Cut(first.answer, " ")
	given := s.do("drain", drained, "--timeout", "500ms")
	same(t, "code while a WebSocket is open", given.code, 7)
	contains(t, "message while a WebSocket is open", given.errOut, "it waits for 1 tunnel\n")
	same(t, "WebSocket of the draining backend", first.alive(), true)
	contains(t, "drain to its deadline", s.must("drain", drained, "--deadline", "1s", "--then", "remove"), " was removed after ", "at its deadline; it waited for 1 tunnel\n")
	same(t, "WebSocket of the backend that was removed", first.alive(), false)
	same(t, "WebSocket of the other backend", second.alive(), true)
}

// TestDrainShowsWhatIsLeft holds a request back, and lets it go.
func TestDrainShowsWhatIsLeft(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	slow := serveAt(t, "127.0.0.1:0", func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-release
		_, _ = io.WriteString(w, "slow")
	})
	s := serve(t, "--backend", slow)
	answered := make(chan string, 1)
	go func() {
		body, err := s.get("/")
		answered <- fmt.Sprint(body, err)
	}()
	<-entered
	s.must("add", backend(t, "quick"), "--wait", "20s")
	given := s.do("drain", slow, "--timeout", "500ms")
	same(t, "code", given.code, 7)
	contains(t, "messages", given.errOut, "draining "+slow+": waits for 1 request\n", "Error: the drain of "+slow+" is not over after 500ms, and goes on: it waits for 1 request\n")
	contains(t, "status", s.must("status"), slow, "draining", "waits for 1 request\n")
	contains(t, "no wait", s.must("drain", slow, "--no-wait", "--then", "maintenance"), slow+" of pool web is draining\n")
	close(release)
	same(t, "answer", <-answered, "slow<nil>")
	process.Eventually(t, func() error {
		if text := s.must("status"); !strings.Contains(text, slow+"  maintenance") {
			return fmt.Errorf("no maintenance after the drain:\n%s", text)
		}
		return nil
	})
}
