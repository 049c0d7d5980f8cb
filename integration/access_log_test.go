package integration

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
)

// accessLine is a line of the access log, as examples/access-log has it.
type accessLine struct {
	Logger     string
	Request    struct{ URI string }
	Status     int
	Pool       string
	Backend    *string
	Attempts   int
	QueueMS    float64  `json:"queue_ms"`
	LatencyMS  *float64 `json:"latency_ms"`
	UpstreamMS *float64 `json:"upstream_ms"`
	Error      *string  `json:"lb_error"`
}

// accessLine returns the line of the access log about a URI.
func (p *proc) accessLine(t *testing.T, uri string) accessLine {
	t.Helper()
	var found accessLine
	eventually(t, func() error {
		for line := range strings.Lines(p.Log()) {
			var a accessLine
			if json.Unmarshal([]byte(line), &a) == nil && strings.HasPrefix(a.Logger, "http.log.access") && a.Request.URI == uri {
				found = a
				return nil
			}
		}
		return fmt.Errorf("the access log has no line about %s", uri)
	})
	return found
}

// startDeaf listens on a port: health checks pass, and requests are not answered,
// but their connections closed.
func startDeaf(t *testing.T, port int) {
	t.Helper()
	ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				_, _ = http.ReadRequest(bufio.NewReader(conn))
			}()
		}
	}()
}

// TestExampleAccessLog: the log has for each request what became of it, also
// after a retry, after failures alone, and when there was no backend.
func TestExampleAccessLog(t *testing.T) {
	r := make(relocation)
	startDeaf(t, r.port(t, 9001))
	startNamed(t, r, 9002)
	p := startCaddyAt(t, r.addr(t, 2019), r.text(t, readFile(t, "examples/access-log/Caddyfile")), "caddyfile")
	client := newClient(t, nil)
	front := "http://" + r.addr(t, 8080)

	if got := get(t, client, front+"/retried"); got.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %s", got.StatusCode, got.body)
	}
	a := p.accessLine(t, "/retried")
	if a.Status != 200 || a.Pool != "web" || a.Backend == nil || *a.Backend != "two" || a.Attempts != 2 || a.Error != nil {
		t.Errorf("after a retry the log has %+v", a)
	}
	if a.LatencyMS == nil || *a.LatencyMS <= 0 || a.UpstreamMS == nil || *a.UpstreamMS < *a.LatencyMS || a.QueueMS != 0 {
		t.Errorf("after a retry the log has the times %+v", a)
	}

	p.maintain(t, "two")
	got := get(t, client, front+"/failed")
	if got.StatusCode != http.StatusBadGateway || got.body != "502, after 2 attempts" {
		t.Errorf("status %d: %s", got.StatusCode, got.body)
	}
	a = p.accessLine(t, "/failed")
	if a.Status != 502 || a.Backend == nil || *a.Backend != "one" || a.Attempts != 2 || a.Error == nil || a.LatencyMS != nil || a.UpstreamMS == nil {
		t.Errorf("of failures the log has %+v", a)
	}

	p.maintain(t, "one")
	got = get(t, client, front+"/none")
	if got.StatusCode != http.StatusServiceUnavailable || got.body != "503, after 0 attempts" {
		t.Errorf("status %d: %s", got.StatusCode, got.body)
	}
	a = p.accessLine(t, "/none")
	if a.Status != 503 || a.Pool != "web" || a.Backend != nil || a.Attempts != 0 || a.LatencyMS != nil || a.UpstreamMS != nil || a.QueueMS < 1900 {
		t.Errorf("without a backend the log has %+v", a)
	}
	if a.Error == nil || !strings.Contains(*a.Error, "timed out waiting") {
		t.Errorf("without a backend the log has the error %v", a.Error)
	}
}

func (p *proc) maintain(t *testing.T, id string) {
	t.Helper()
	p.api(t, http.MethodPatch, "/load_balance/pools/web/backends/"+id+"?force=true", `{"admin_state": "maintenance"}`, http.StatusOK)
}
