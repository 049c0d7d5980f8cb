package load

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// server counts the requests of each protocol.
type server struct {
	*httptest.Server

	http1, http2 atomic.Int64
	sharing      sync.WaitGroup // requests to /together wait for each other
}

func newServer(t *testing.T) *server {
	s := new(server)
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 2 {
			s.http2.Add(1)
		} else {
			s.http1.Add(1)
		}
		_, _ = io.WriteString(w, "hello")
	})
	mux.HandleFunc("/error", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	mux.HandleFunc("/together", func(http.ResponseWriter, *http.Request) {
		s.sharing.Done()
		s.sharing.Wait()
	})
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer conn.CloseNow()
		for {
			kind, message, err := conn.Read(r.Context())
			if err != nil {
				return
			}
			s.http1.Add(1)
			if conn.Write(r.Context(), kind, message) != nil {
				return
			}
		}
	})
	s.Server = httptest.NewUnstartedServer(mux)
	s.EnableHTTP2 = true
	t.Cleanup(func() { s.Close() })
	return s
}

func TestHTTP2(t *testing.T) {
	s := newServer(t)
	s.StartTLS()
	got, err := HTTP2(t.Context(), Job{URL: s.URL, Connections: 10, Duration: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	// one more for each of two connections comes before it is measured
	if got.Requests < 10 || got.Requests+2 != s.http2.Load() || s.http1.Load() != 0 || got.Errors != 0 {
		t.Errorf("got %+v, and the server %d requests over HTTP/2 and %d over HTTP/1", got, s.http2.Load(), s.http1.Load())
	}
	if _, err := HTTP2(t.Context(), Job{URL: s.URL + "/error", Connections: 1, Duration: time.Second}); err == nil {
		t.Error("a status 502 is no error")
	}
}

func TestWebSocket(t *testing.T) {
	s := newServer(t)
	s.Start()
	got, err := WebSocket(t.Context(), Job{URL: s.URL + "/echo", Connections: 3, Duration: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if got.Requests < 3 || got.Requests != s.http1.Load() || got.Errors != 0 || got.Latency.P50 <= 0 {
		t.Errorf("got %+v, and the server %d messages", got, s.http1.Load())
	}
	if _, err := WebSocket(t.Context(), Job{URL: s.URL, Connections: 1, Duration: time.Second}); err == nil {
		t.Error("no WebSocket there is no error")
	}
}

func TestOpenLoop(t *testing.T) {
	s := newServer(t)
	s.Start()
	job := Job{URL: s.URL, Connections: 8, Duration: 500 * time.Millisecond, Rate: 200}
	got, err := OpenLoop(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	if got.Requests != 100 || s.http1.Load() != 100 || got.Errors != 0 || got.Latency.P999 < got.Latency.P50 {
		t.Errorf("got %+v, and the server %d requests, want 100", got, s.http1.Load())
	}
	job.URL += "/error"
	if got, err := OpenLoop(t.Context(), job); err != nil || got.Errors != 100 {
		t.Errorf("with status 502: got %+v, %v, want 100 errors", got, err)
	}
}

func TestIdle(t *testing.T) {
	s := newServer(t)
	s.Start()
	idle, err := OpenIdle(t.Context(), Job{URL: s.URL + "/small", Connections: 200})
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	if got := s.http1.Load(); got != 200 {
		t.Errorf("to open 200 connections took %d requests", got)
	}
	s.sharing.Add(100)
	if err := idle.Burst(100, "/together"); err != nil {
		t.Errorf("100 requests at once: %v", err)
	}
	if err := idle.Trickle(t.Context(), 500, 100*time.Millisecond); err != nil {
		t.Error(err)
	}
	if got := s.http1.Load(); got <= 200 || got > 260 {
		t.Errorf("got %d requests, want 200 and up to 50 more", got)
	}
	if err := idle.Burst(1, "/error"); err == nil || !strings.Contains(err.Error(), "502") {
		t.Errorf("with status 502: got %v", err)
	}
}

func TestCheck(t *testing.T) {
	s := newServer(t)
	s.StartTLS()
	if err := check(t.Context(), s.Client(), Job{URL: s.URL}, 5); err != nil {
		t.Error(err)
	}
	if err := check(t.Context(), s.Client(), Job{URL: s.URL}, 6); err == nil || !strings.Contains(err.Error(), "5 bytes") {
		t.Errorf("a body of another size: got %v", err)
	}
	if err := check(t.Context(), s.Client(), Job{URL: s.URL + "/error"}, 0); err == nil || !strings.Contains(err.Error(), "502") {
		t.Errorf("a status 502: got %v", err)
	}
}

func TestReady(t *testing.T) {
	var requests atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if requests.Add(1) < 3 {
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer s.Close()
	if err := Ready(t.Context(), Job{URL: s.URL}, 0); err != nil || requests.Load() != 3 {
		t.Errorf("got %v after %d requests, want none after 3", err, requests.Load())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Ready(ctx, Job{URL: s.URL}, 0); err == nil {
		t.Error("a context that has ended is no error")
	}
}
