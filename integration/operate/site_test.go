package operate

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

// wholeLog is more than Caddy writes in any test.
const wholeLog = 1 << 26

// site is a Caddy with the pool `web`.
type site struct {
	*process.Process
	t     *testing.T
	home  string
	store string // a directory that instances share; "": its own
	front string // host:port for clients
	admin string // host:port of the admin endpoint
}

// serve starts a Caddy with the subdirectives, and the servers as backends.
func serve(t *testing.T, home, block string, servers ...*server) *site {
	t.Helper()
	return (&site{t: t, home: home}).start(block, servers)
}

// serveShared is serve for an instance that shares its storage with others.
func serveShared(t *testing.T, store, block string, servers ...*server) *site {
	t.Helper()
	return (&site{t: t, home: t.TempDir(), store: store}).start(block, servers)
}

func (s *site) start(block string, servers []*server) *site {
	s.t.Helper()
	s.front, s.admin = process.Addr(s.t), process.Addr(s.t)
	s.Process = process.Run(s.t, process.Options{
		Binary: suite.Caddy(s.t, process.Race), Home: s.home, KeepLog: wholeLog,
		Env:    []string{"CADDY_ADMIN=" + s.admin, "GODEBUG=http2xconnect=1"},
		Config: s.config(block, servers),
	})
	return s
}

// config returns the Caddyfile with the subdirectives, and the servers as
// backends.
func (s *site) config(block string, servers []*server) string {
	for _, b := range servers {
		block += fmt.Sprintf("\nbackend %s {\nid %s\n}", b.addr, b.id)
	}
	global := "grace_period 5s\nservers {\nprotocols h1 h2c\n}\n"
	if s.store != "" {
		global += fmt.Sprintf("storage file_system %q\nload_balance {\nsync_interval 200ms\n}\n", s.store)
	}
	return fmt.Sprintf("{\n%s}\nhttp://%s {\nload_balance {\npool web\n%s\n}\n}\n", global, s.front, block)
}

// reload has Caddy load another config.
func (s *site) reload(block string, servers ...*server) {
	s.t.Helper()
	req, err := http.NewRequest(http.MethodPost, "http://"+s.admin+"/load", strings.NewReader(s.config(block, servers)))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "text/caddyfile")
	resp, err := adminClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		s.t.Fatalf("reload: status %d: %v: %s", resp.StatusCode, err, body)
	}
}

// call makes a request to the admin API.
func (s *site) call(method, path, body string) (status int, answer string, err error) {
	req, err := http.NewRequest(method, "http://"+s.admin+"/load_balance/pools/web"+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := adminClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

var adminClient = &http.Client{
	Transport: &http.Transport{MaxIdleConnsPerHost: clientCount},
	Timeout:   process.Patience,
}

// do is call for one that must be answered with the status.
func (s *site) do(method, path, body string, want int) (answer string) {
	s.t.Helper()
	status, answer, err := s.call(method, path, body)
	if err != nil || status != want {
		s.t.Fatalf("%s %s %s: status %d, want %d: %v: %s", method, path, body, status, want, err, answer)
	}
	return answer
}

// backendPath is the path of a backend.
func backendPath(id string) string { return "/backends/" + url.PathEscape(id) }

// poolView and backendView are what the admin API shows, as far as it is looked
// at here.
type (
	poolView struct {
		Revision  int64         `json:"revision"`
		Total     int           `json:"total"`
		Accepting int           `json:"accepting"`
		InFlight  int           `json:"in_flight"`
		Tunnels   int           `json:"tunnels"`
		Backends  []backendView `json:"backends"`
	}
	backendView struct {
		ID          string `json:"id"`
		Address     string `json:"address"`
		Weight      int    `json:"weight"`
		Priority    int    `json:"priority"`
		MaxRequests int    `json:"max_requests"`
		AdminState  string `json:"admin_state"`
		Source      string `json:"source"`
		standing
		InFlight int `json:"in_flight"`
		Tunnels  int `json:"tunnels"`
	}
	// standing is whether a backend serves, and why not.
	standing struct {
		State     string `json:"state"`
		Accepting bool   `json:"accepting"`
		Reason    string `json:"reason"`
	}
)

// pool returns what the admin API shows of the pool.
func (s *site) pool() (p poolView) {
	s.t.Helper()
	if err := json.Unmarshal([]byte(s.do(http.MethodGet, "", "", http.StatusOK)), &p); err != nil {
		s.t.Fatal(err)
	}
	return p
}

// backend returns what the admin API shows of a backend.
func (s *site) backend(id string) (b backendView) {
	s.t.Helper()
	if err := json.Unmarshal([]byte(s.do(http.MethodGet, backendPath(id), "", http.StatusOK)), &b); err != nil {
		s.t.Fatal(err)
	}
	return b
}

// stands returns once that is what the admin API says of the backend.
func (s *site) stands(id string, want standing) {
	s.t.Helper()
	process.Eventually(s.t, func() error {
		if got := s.backend(id).standing; got != want {
			return fmt.Errorf("%s stands so: %+v, want %+v", id, got, want)
		}
		return nil
	})
}

// serves is the standing of a backend that is well.
var serves = standing{State: "up", Accepting: true}
