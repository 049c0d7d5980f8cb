package integration

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// The stream of events outlives the time that Caddy's admin endpoint gives to
// requests, tells of changes, and ends when the config is replaced.
func TestEventStream(t *testing.T) {
	t.Parallel()
	front := freeAddr(t)
	config := fmt.Sprintf("http://%s {\n\tload_balance 127.0.0.1:%d {\n\t\tpool web\n\t}\n}\n", front, freePort(t))
	p := startCaddy(t, config, "caddyfile")
	client := newClient(t, nil)
	client.Timeout = time.Minute
	resp, err := client.Get("http://" + p.Admin + "/load_balance/events")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("status %s", resp.Status)
	}
	lines := bufio.NewScanner(resp.Body)
	start := time.Now()
	for lines.Scan() && lines.Text() != ":" { // the heartbeat
	}
	if took := time.Since(start); lines.Err() != nil || took < 10*time.Second {
		t.Fatalf("the heartbeat came after %s (%v); it says nothing about a limit of 10s", took, lines.Err())
	}
	p.api(t, http.MethodPost, "/load_balance/backends", `{"address": "127.0.0.1:1"}`, http.StatusCreated)
	for lines.Scan() && lines.Text() != "event: backend_added" {
	}
	if err := lines.Err(); err != nil || lines.Text() != "event: backend_added" {
		t.Fatalf("the stream ended with %v instead of telling of the backend", err)
	}
	if status, body := p.load(t, strings.Replace(config, "pool web", "pool web\n\t\tlb_retries 1", 1)); status != http.StatusOK {
		t.Fatalf("reload: status %d: %s", status, body)
	}
	for lines.Scan() {
	}
	if err := lines.Err(); err != nil {
		t.Errorf("the stream was cut: %v", err)
	}
}
