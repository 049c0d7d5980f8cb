package operate

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
)

const (
	operatorCount = 8
	changesConfig = "health_uri /health\nhealth_interval 1s"
)

// Thousands of backends come, change and go under load, by several operators at
// a time. Each change is there afterwards, and once, also after a crash; each that
// was answered holds for all requests that are sent after the answer.
func TestChanges(t *testing.T) {
	stays := startServer(t, "stays")
	home := t.TempDir()
	s := serve(t, home, changesConfig, stays)
	s.stands("stays", serves)
	before := s.pool()
	load := startLoad(t, s.front)

	changes := scale(400, 5000)
	operators := make([]*operator, operatorCount)
	var working sync.WaitGroup
	for i := range operators {
		o := &operator{site: s, load: load, rng: rand.New(rand.NewPCG(uint64(i), 5000)), has: make(map[string]backendView)}
		for n := range 3 {
			o.servers = append(o.servers, startServer(t, fmt.Sprintf("op%d-%d", i, n)))
		}
		operators[i] = o
		working.Go(func() {
			for range changes / operatorCount {
				if err := o.change(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	working.Wait()
	load.more(t, 100)
	load.end(t)

	after := s.pool()
	if got := after.Revision - before.Revision; got != int64(changes) {
		t.Errorf("%d changes are %d revisions", changes, got)
	}
	want := map[string]backendView{"stays": before.Backends[0]}
	for _, o := range operators {
		maps.Copy(want, o.has)
	}
	expectBackends(t, after, want)
	s.Kill()
	expectBackends(t, serve(t, home, changesConfig, stays).pool(), want) // which was stored
	if logged := strings.Count(s.Log(), `"outcome":"done"`); logged != changes {
		t.Errorf("%d changes are %d lines of the log", changes, logged)
	}
}

// expectBackends compares the backends of a pool, and what they are set to.
func expectBackends(t *testing.T, p poolView, want map[string]backendView) {
	t.Helper()
	seen := make(map[string]bool)
	for _, b := range p.Backends {
		if seen[b.ID] {
			t.Errorf("%s is there twice", b.ID)
		}
		seen[b.ID] = true
		if w, ok := want[b.ID]; !ok || b.settings() != w.settings() {
			t.Errorf("there is %+v, want %+v", b, w)
		}
	}
	for id := range want {
		if !seen[id] {
			t.Errorf("%s is lost", id)
		}
	}
}

// settings returns what operators have set.
func (b backendView) settings() backendView {
	b.standing, b.InFlight, b.Tunnels = standing{}, 0, 0
	return b
}

// operator adds, changes and removes servers of its own.
type operator struct {
	*site
	load    *load
	rng     *rand.Rand
	servers []*server
	has     map[string]backendView // of those that are in the pool
}

// change makes a change that comes to mind.
func (o *operator) change() error {
	b := o.servers[o.rng.IntN(len(o.servers))]
	had, ok := o.has[b.id]
	switch n := o.rng.IntN(8); {
	case !ok:
		return o.add(b)
	case n < 2:
		return o.remove(b)
	case n < 5 || had.AdminState != "ready":
		return o.setState(b, []string{"ready", "drain", "maintenance"}[o.rng.IntN(3)])
	}
	patch := fmt.Sprintf(`{"weight": %d, "max_requests": %d}`, had.Weight%10+1, 100+o.rng.IntN(10))
	return o.send(http.MethodPatch, backendPath(b.id), patch, http.StatusOK)
}

func (o *operator) add(b *server) error {
	b.mayServe(true)
	body := fmt.Sprintf(`{"id": %q, "address": %q, "weight": %d}`, b.id, b.addr, 1+o.rng.IntN(3))
	if err := o.send(http.MethodPost, "/backends", body, http.StatusCreated); err != nil {
		return err
	}
	// once more is one too many
	status, answer, err := o.call(http.MethodPost, "/backends", body)
	if err != nil || status != http.StatusConflict {
		return fmt.Errorf("adding %s twice: status %d: %w: %s", b.id, status, err, answer)
	}
	return nil
}

func (o *operator) remove(b *server) error {
	status, answer, err := o.call(http.MethodDelete, backendPath(b.id), "")
	if err != nil || status != http.StatusNoContent {
		return fmt.Errorf("removing %s: status %d: %w: %s", b.id, status, err, answer)
	}
	b.mayServe(false)
	delete(o.has, b.id)
	return nil
}

func (o *operator) setState(b *server, state string) error {
	if state == o.has[b.id].AdminState {
		state = map[string]string{"ready": "drain", "drain": "maintenance", "maintenance": "ready"}[state]
	}
	if state == "ready" {
		b.mayServe(true)
	}
	if err := o.send(http.MethodPatch, backendPath(b.id), fmt.Sprintf(`{"admin_state": %q}`, state), http.StatusOK); err != nil {
		return err
	}
	if state != "ready" {
		b.mayServe(false)
	}
	return nil
}

// send makes a change, and notes what the answer shows.
func (o *operator) send(method, path, body string, want int) error {
	status, answer, err := o.call(method, path, body)
	if err != nil || status != want {
		return fmt.Errorf("%s %s %s: status %d, want %d: %w: %s", method, path, body, status, want, err, answer)
	}
	var b backendView
	if err := json.Unmarshal([]byte(answer), &b); err != nil {
		return err
	}
	if had, ok := o.has[b.ID]; ok && had.settings() == b.settings() {
		return fmt.Errorf("%s %s: nothing has changed: %s", path, body, answer)
	}
	o.has[b.ID] = b
	return nil
}
