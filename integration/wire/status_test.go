package wire

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

// backendStatus is what the admin API tells of a backend.
type backendStatus struct {
	Accepting bool `json:"accepting"`
	InFlight  int  `json:"in_flight"`
	Tunnels   int  `json:"tunnels"`
	Failures  int  `json:"failures"`
	Requests  int  `json:"requests"`
}

// told reports whether the handler that is tested has an admin API which tells
// what it counts.
func told() bool { return directive == "load_balance" }

// status asks the admin API for the sum of the site's backends.
func (s *site) status(t testing.TB) backendStatus {
	t.Helper()
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get("http://127.0.0.1:" + adminPort + "/load_balance/pools/" + s.host + "/backends")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var list []backendStatus
	if err := json.NewDecoder(res.Body).Decode(&list); err != nil || len(list) != len(s.listeners) {
		t.Fatalf("backends of pool %s: %d, %+v, %v", s.host, res.StatusCode, list, err)
	}
	var sum backendStatus
	for _, b := range list {
		sum.InFlight += b.InFlight
		sum.Tunnels += b.Tunnels
		sum.Failures += b.Failures
		sum.Requests += b.Requests
		sum.Accepting = sum.Accepting || b.Accepting
	}
	return sum
}

// expectIdle fails the test unless the site has no request left soon.
func (s *site) expectIdle(t testing.TB) {
	t.Helper()
	if told() {
		eventually(t, func() error {
			if st := s.status(t); st.InFlight != 0 || st.Tunnels != 0 {
				return fmt.Errorf("requests are still in flight: %+v", st)
			}
			return nil
		})
	}
}

// expectFailures compares how many failures were counted since the test has
// taken the site.
func (s *site) expectFailures(t testing.TB, want int) {
	t.Helper()
	if told() {
		if got := s.status(t).Failures - s.failuresBefore; got != want {
			t.Errorf("%d failures are counted against the backend, want %d", got, want)
		}
	}
}

// accessLog returns the status that the access log has for the request with
// the URI, which only one request may have.
func (s *site) accessLog(t testing.TB, uri string) int {
	t.Helper()
	var status int
	eventually(t, func() error {
		for line := range strings.Lines(caddy.Log()) {
			if !strings.Contains(line, s.host) || !strings.Contains(line, `"handled request"`) {
				continue
			}
			var entry struct {
				Request struct {
					Host string `json:"host"`
					URI  string `json:"uri"`
				} `json:"request"`
				Status int `json:"status"`
			}
			if json.Unmarshal([]byte(line), &entry) == nil && entry.Request.Host == s.host && entry.Request.URI == uri {
				status = entry.Status
				return nil
			}
		}
		return fmt.Errorf("the access log has no request for %s%s", s.host, uri)
	})
	return status
}

// eventually calls check until it returns nil, and fails the test with its
// last error if that takes too long.
func eventually(t testing.TB, check func() error) {
	t.Helper()
	process.Eventually(t, check)
}
