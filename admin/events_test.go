package admin

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

const eventsPath = "/load_balance/events"

// eventStream is a client of the stream of events.
type eventStream struct {
	t     *testing.T
	resp  *http.Response
	lines *bufio.Scanner
	id    string // of the last event
}

// openEvents opens a stream, which has begun when it returns.
func (s *server) openEvents(t *testing.T) *eventStream {
	t.Helper()
	return s.openEventsAt(t, eventsPath, "")
}

// openEventsAt is openEvents with a query, behind the event with that id.
func (s *server) openEventsAt(t *testing.T, target, last string) *eventStream {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	e := &eventStream{t: t, resp: resp, lines: bufio.NewScanner(resp.Body)}
	if resp.StatusCode == http.StatusOK {
		if got := e.block(); got != "retry: 1000" {
			t.Fatalf("the stream begins with %q", got)
		}
	}
	return e
}

// block returns the lines up to the next empty one; "" is the end.
func (e *eventStream) block() string {
	var block []string
	for e.lines.Scan() && e.lines.Text() != "" {
		block = append(block, e.lines.Text())
	}
	return strings.Join(block, "\n")
}

// next returns the next event, which must be as described.
func (e *eventStream) next() eventJSON {
	e.t.Helper()
	block := e.block()
	var event eventJSON
	var lines [3]string
	copy(lines[:], strings.SplitN(block, "\n", 3))
	data, _ := strings.CutPrefix(lines[2], "data: ")
	if err := json.Unmarshal([]byte(data), &event); err != nil {
		e.t.Fatalf("event %q: %v", block, err)
	}
	if e.id = strings.TrimPrefix(lines[0], "id: "); !strings.HasSuffix(e.id, fmt.Sprintf("-%d", event.Number)) || lines[1] != "event: "+event.Event {
		e.t.Errorf("event %q: id and name are not those of the data", block)
	}
	doc, err := description()
	if err != nil {
		e.t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal([]byte(data), &v); err != nil {
		e.t.Fatal(err)
	}
	schema := doc.at(doc, "components", "schemas", "Event")
	if err := schema.check(doc, v, "event"); err != nil {
		e.t.Errorf("%v in %s", err, data)
	}
	return event
}

func TestEventStream(t *testing.T) {
	s := newServer(t, two())
	e := s.openEvents(t)
	if got := e.resp.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("content type %q", got)
	}
	s.want(s.do("POST", allBackends, newBackend), 201, "")
	s.want(s.do("PATCH", oneBackend, `{"admin_state": "maintenance", "weight": 5}`), 200, "")
	s.want(s.do("DELETE", allBackends+"/127.0.0.1:9009", ""), 204, "")
	var last uint64
	for _, want := range []string{
		"backend_added 127.0.0.1:9009", "backend_waiting 127.0.0.1:9009", "backend_up 127.0.0.1:9009",
		"backend_changed 127.0.0.1:9001", "backend_maintenance 127.0.0.1:9001", "backend_removed 127.0.0.1:9009",
	} {
		got := e.next()
		if got.Event+" "+got.Backend != want || got.Pool != "web" || got.Number <= last {
			t.Fatalf("event %+v, want %s", got, want)
		}
		last = got.Number
		if got.Event == pool.EventChanged && (got.Old != "weight=1 admin_state=ready" || got.New != "weight=5 admin_state=maintenance" || got.By == "") {
			t.Errorf("the change is described as %+v", got)
		}
	}
}

func TestEventStreamHead(t *testing.T) {
	s := newServer(t, two())
	resp, err := http.Head(s.url + eventsPath)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("%s, %v", resp.Status, resp.Header)
	}
	http.DefaultClient.CloseIdleConnections()
}

// The stream ends with the config that the endpoint belongs to.
func TestEventStreamEndsWithTheConfig(t *testing.T) {
	s := newServer(t, two())
	done := make(chan struct{})
	s.api.done = done
	e := s.openEvents(t)
	close(done)
	if got := e.block(); got != "" || e.lines.Err() != nil {
		t.Errorf("after the end came %q, %v", got, e.lines.Err())
	}
}

func TestEventStreamsAreLimited(t *testing.T) {
	s := newServer(t, two())
	for range maxStreams {
		s.openEvents(t)
	}
	e := s.openEvents(t)
	if e.resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("one stream more than allowed: %s", e.resp.Status)
	}
}
