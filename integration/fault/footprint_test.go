package fault

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

// footprint is what a Caddy occupies.
type footprint struct {
	goroutines int
	sockets    int
	files      int   // descriptors, sockets included
	memory     int64 // resident, bytes
	peak       int64 // the most that memory ever was
	stacks     string
}

// poolStatus is what the admin API says of a pool.
type poolStatus struct {
	Name      string          `json:"name"`
	Total     int             `json:"total"`
	Accepting int             `json:"accepting"`
	InFlight  int64           `json:"in_flight"`
	Tunnels   int64           `json:"tunnels"`
	Queued    int64           `json:"queued"`
	Backends  []backendStatus `json:"backends"`

	Retries        uint64 `json:"retries"`
	RetriesRefused uint64 `json:"retries_refused"`
}

type backendStatus struct {
	ID        string `json:"id"`
	Address   string `json:"address"`
	State     string `json:"state"`
	Accepting bool   `json:"accepting"`
	Reason    string `json:"reason"`
	InFlight  int64  `json:"in_flight"`
	Tunnels   int64  `json:"tunnels"`
	Queued    int64  `json:"queued"`
	Requests  uint64 `json:"requests"`
	Failures  uint64 `json:"failures"`
}

var (
	profileTotal = regexp.MustCompile(`goroutine profile: total (\d+)`)

	// A connection for each, so that none is left of it.
	adminClient = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
)

// call makes a request to the admin endpoint.
func (s *stage) call(method, path, contentType, body string) (int, string, error) {
	req, err := http.NewRequest(method, "http://"+s.admin+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	if body != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := adminClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

// get returns what the admin endpoint has at a path.
func (s *stage) get(path string) (string, error) {
	code, body, err := s.call(http.MethodGet, path, "", "")
	if err == nil && code != http.StatusOK {
		err = fmt.Errorf("GET %s: status %d: %s", path, code, body)
	}
	return body, err
}

// pool returns the status of the pool.
func (s *stage) pool() poolStatus {
	s.t.Helper()
	var p poolStatus
	body, err := s.get("/load_balance/pools/web")
	if err == nil {
		err = json.Unmarshal([]byte(body), &p)
	}
	if err != nil {
		s.t.Fatalf("status of the pool: %v", err)
	}
	return p
}

// look takes the footprint, after a collection of garbage.
func (s *stage) look() (footprint, error) {
	if _, err := s.get("/debug/pprof/heap?gc=1"); err != nil {
		return footprint{}, err
	}
	stacks, err := s.get("/debug/pprof/goroutine?debug=1")
	if err != nil {
		return footprint{}, err
	}
	f := footprint{stacks: stacks}
	if m := profileTotal.FindStringSubmatch(stacks); m != nil {
		f.goroutines, _ = strconv.Atoi(m[1])
	}
	return f, f.ofProcess(s.Pid())
}

// settled returns the footprint once it does not change any more.
func (s *stage) settled() footprint {
	s.t.Helper()
	var last footprint
	calm := 0
	eventually(s.t, func() error {
		f, err := s.look()
		if err != nil {
			return err
		}
		if f.goroutines == last.goroutines && f.sockets == last.sockets && s.connected() == 0 {
			calm++
		} else {
			calm = 0
		}
		if last = f; calm < 2 {
			return fmt.Errorf("%d goroutines, %d sockets and %d connections to backends come and go", f.goroutines, f.sockets, s.connected())
		}
		return nil
	})
	return last
}

// connected returns how many connections the backends have.
func (s *stage) connected() (n int64) {
	for _, b := range s.backends {
		n += b.open.now.Load()
	}
	return n
}

// nothingLeft waits until all that the scenario has caused is gone.
func (c *scenario) nothingLeft() (footprint, string) {
	c.t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for ; ; <-tick.C {
		f, err := c.look()
		left := c.leftovers(f)
		switch {
		case err != nil:
			c.t.Fatalf("%s: %v", c.name, err)
		case left == "":
			return f, "none"
		case time.Now().After(deadline):
			c.t.Errorf("%s: left over: %s\n%s", c.name, left, f.stacks)
			return f, left
		}
	}
}

// leftovers returns in words what there is more than before.
func (c *scenario) leftovers(f footprint) string {
	var left []string
	more := func(what string, now, before int64) {
		if now > before {
			left = append(left, fmt.Sprintf("%d %s", now-before, what))
		}
	}
	more("goroutines", int64(f.goroutines), int64(c.before.goroutines))
	more("sockets", int64(f.sockets), int64(c.before.sockets))
	more("descriptors", int64(f.files), int64(c.before.files))
	more("connections to backends", c.connected(), 0)
	if f.memory > maxMemory(c.layout.race || process.Race) {
		left = append(left, fmt.Sprintf("%d MiB of memory", f.memory>>20))
	}
	p := c.pool()
	more("requests in flight", p.InFlight, 0)
	more("tunnels", p.Tunnels, 0)
	more("requests in the queue", p.Queued, 0)
	for _, b := range p.Backends {
		more("requests in flight to "+b.ID, b.InFlight, 0)
		more("requests in the queue for "+b.ID, b.Queued, 0)
	}
	return strings.Join(left, ", ")
}

// maxMemory is what a Caddy may occupy after a fault, in bytes.
func maxMemory(race bool) int64 {
	if race {
		return 1 << 30
	}
	return 256 << 20
}
