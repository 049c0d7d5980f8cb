package wire

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"
)

// retries are options of sites that try backends in a known order.
func retries(more map[string]any) map[string]any {
	lb := map[string]any{"selection_policy": map[string]any{"policy": "first"}}
	maps.Copy(lb, more)
	options := map[string]any{"load_balancing": lb}
	if directive != "load_balance" {
		// without it a backend that failed is the first again
		options["health_checks"] = map[string]any{"passive": map[string]any{"fail_duration": "5s"}}
	}
	return options
}

var (
	// retrying are sites with three backends that are tried in turn.
	retrying = declare(kind{name: "retrying", count: 16, backends: 3, options: retries(map[string]any{"retries": 2})})

	// secureRetrying are such sites with TLS to the backends.
	secureRetrying = declare(kind{name: "secure-retrying", count: 4, scheme: "https", backends: 2, options: retries(map[string]any{"retries": 1})})

	// waiting are sites that wait for a backend.
	waiting = declare(kind{name: "waiting", count: 8, options: retries(map[string]any{"try_duration": "5s", "try_interval": "50ms"})})

	// patient are sites that look for a backend only once in a while.
	patient = declare(kind{name: "patient", count: 2, options: retries(map[string]any{"try_duration": "10s", "try_interval": "5s"})})

	// matching are sites that say which requests may be repeated.
	matching = declare(kind{name: "matching", count: 8, backends: 2, options: retries(map[string]any{
		"retries": 1, "retry_match": []any{map[string]any{"method": []string{"POST", "PUT"}}},
	})})

	// buffering are sites that keep requests, so that they can be repeated.
	buffering = declare(kind{name: "buffering", count: 8, backends: 2, options: func() map[string]any {
		o := retries(map[string]any{"retries": 1, "retry_match": []any{map[string]any{"method": []string{"POST"}}}})
		o["request_buffers"] = 1 << 20
		return o
	}()})
)

// TestRetryRefused: a request that was never sent can go to another backend,
// with its body whole.
func TestRetryRefused(t *testing.T) {
	body := strings.Repeat("0123456789", 10_000)
	for _, head := range []string{
		fmt.Sprintf("POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: %d\r\n\r\n%s", len(body), body),
		fmt.Sprintf("POST / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body),
		fmt.Sprintf("PATCH / HTTP/1.1\r\nHost: HOST\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n%s", len(body), body),
	} {
		t.Run(head[:40], func(t *testing.T) {
			t.Parallel()
			s := retrying.take(t)
			s.refuse(0)
			s.refuse(1)
			got := s.backendAt(t, 2).replying(reply200)
			client := s.dial(t)
			client.send(s.fill(head))
			client.answer("POST").expectStatus(t, 200)
			if m := got.next(t); m.body != body || !m.complete {
				t.Errorf("the backend got %d bytes of %d", len(m.body), len(body))
			}
		})
	}
}

// TestRetryHandshake: nor was one sent when there is no TLS, whatever the client
// speaks.
func TestRetryHandshake(t *testing.T) {
	body := strings.Repeat("0123456789", 10_000)
	for name, transport := range map[string]func(s *site) http.RoundTripper{
		"h2": func(s *site) http.RoundTripper { return s.http2() },
		"h3": func(s *site) http.RoundTripper { return s.http3() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := secureRetrying.take(t)
			first := s.backendAt(t, 0)
			first.plain.Store(true)
			first.serve(func(*peer, *message) bool { return true }) // TLS is no request
			got := s.backendAt(t, 1).replying(reply200)
			rt := transport(s)
			if c, ok := rt.(io.Closer); ok {
				defer func() { _ = c.Close() }()
			}
			roundTrip(t, rt, s.newRequest(t, "POST", "/", strings.NewReader(body))).expectStatus(t, 200)
			if m := got.next(t); m.body != body || !m.complete {
				t.Errorf("the backend got %d bytes of %d", len(m.body), len(body))
			}
			if c, ok := rt.(interface{ CloseIdleConnections() }); ok {
				c.CloseIdleConnections()
			}
		})
	}
}

// TestRetryAllRefused: every backend is tried once, and no more.
func TestRetryAllRefused(t *testing.T) {
	s := retrying.take(t)
	for i := range 3 {
		s.refuse(i)
	}
	overHTTP1(t, s, "POST", "/").expectStatus(t, 502)
	s.expectFailures(t, 3)
	s.expectIdle(t)
}

// TestRetrySent: what has reached a backend is repeated only if that is safe
// (RFC 9110 §9.2.2).
func TestRetrySent(t *testing.T) {
	for _, test := range []struct {
		head   string
		repeat bool
	}{
		{"GET / HTTP/1.1\r\nHost: HOST\r\n\r\n", true},
		{"POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 5\r\n\r\nhello", false},
		{"POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0\r\n\r\n", false},
		{"PATCH / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 5\r\n\r\nhello", false},
	} {
		for _, reply := range []string{"", "HTTP/1.1 2", "leak\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"} {
			t.Run(fmt.Sprintf("%.6s after %.10q", test.head, reply), func(t *testing.T) {
				t.Parallel()
				s := retrying.take(t)
				first := s.backendAt(t, 0).serve(func(p *peer, _ *message) bool {
					_ = p.sendPieces(reply, 100)
					_ = p.Close()
					return false
				})
				second := s.backendAt(t, 1).replying(reply200)
				client := s.dial(t)
				client.send(s.fill(test.head))
				a := client.answer("GET")
				first.next(t)
				if !test.repeat {
					a.expectStatus(t, 502)
					if len(first.requests)+len(second.requests) > 0 {
						t.Error("the request was repeated")
					}
					return
				}
				a.expectStatus(t, 200)
				if m := second.next(t); !strings.HasPrefix(m.start, "GET / ") || len(first.requests) > 0 {
					t.Errorf("the second backend got %q, the first %d more", m.start, len(first.requests))
				}
			})
		}
	}
}

// TestRetryBodyGone: a request that may be repeated is not when its body is
// gone; and never without it.
func TestRetryBodyGone(t *testing.T) {
	s := matching.take(t)
	s.backendAt(t, 0).serve(func(p *peer, _ *message) bool { _ = p.Close(); return false })
	second := s.backendAt(t, 1)
	got := second.replying(reply200)
	client := s.dial(t)
	client.send(s.fill("POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 5\r\n\r\nhello"))
	client.answer("POST").expectStatus(t, 502)
	if len(got.requests) > 0 {
		t.Errorf("the second backend got %q", (<-got.requests).body)
	}
}

// TestRetryMatched: without a body there is nothing that could be gone.
func TestRetryMatched(t *testing.T) {
	s := matching.take(t)
	s.backendAt(t, 0).serve(func(p *peer, _ *message) bool { _ = p.Close(); return false })
	got := s.backendAt(t, 1).replying(reply200)
	client := s.dial(t)
	client.send(s.fill("POST /x HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0\r\n\r\n"))
	client.answer("POST").expectStatus(t, 200)
	if m := got.next(t); m.start != "POST /x HTTP/1.1" {
		t.Errorf("the second backend got %q", m.start)
	}
}

// TestRetryBuffered: a body that is kept can be sent again.
func TestRetryBuffered(t *testing.T) {
	for _, head := range []string{"Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"} {
		t.Run(head[:10], func(t *testing.T) {
			t.Parallel()
			s := buffering.take(t)
			s.backendAt(t, 0).serve(func(p *peer, _ *message) bool { _ = p.Close(); return false })
			got := s.backendAt(t, 1).replying(reply200)
			client := s.dial(t)
			client.send(s.fill("POST / HTTP/1.1\r\nHost: HOST\r\n" + head))
			client.answer("POST").expectStatus(t, 200)
			if m := got.next(t); m.body != "hello" || m.chunked {
				t.Errorf("the second backend got %q, chunked %t", m.body, m.chunked)
			}
		})
	}
}

// TestRetryWaits: a request waits for its backend to come back.
func TestRetryWaits(t *testing.T) {
	s := waiting.take(t)
	s.refuse(0)
	client := s.dial(t)
	client.send(s.fill("POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 5\r\n\r\nhello"))
	time.Sleep(settle) // some tries fail
	got := s.backend(t).replying(reply200)
	client.answer("POST").expectStatus(t, 200)
	if m := got.next(t); m.body != "hello" {
		t.Errorf("the backend got %q", m.body)
	}
}

// TestRetryReady: a backend that accepts again while a request waits gets it at
// once.
func TestRetryReady(t *testing.T) {
	if !told() {
		return // there is no such state
	}
	s := patient.take(t)
	got := s.backend(t).replying(reply200)
	url := "http://127.0.0.1:" + adminPort + "/load_balance/pools/" + s.host + "/backends/" + strings.ReplaceAll(s.address(0), ":", "%3A")
	call(t, "PATCH", url+"?force=true", `{"admin_state":"maintenance"}`, 200)
	t.Cleanup(func() { call(t, "PATCH", url, `{"admin_state":"ready"}`, 200) })
	client := s.dial(t)
	client.send(s.fill("POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 5\r\n\r\nhello"))
	time.Sleep(settle)
	call(t, "PATCH", url, `{"admin_state":"ready"}`, 200)
	began := time.Now()
	client.answer("POST").expectStatus(t, 200)
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("the request waited for another %s", took)
	}
	if m := got.next(t); m.body != "hello" {
		t.Errorf("the backend got %q", m.body)
	}
}

// TestRetryClientLeaves: waiting ends when the client does.
func TestRetryClientLeaves(t *testing.T) {
	s := waiting.take(t)
	s.refuse(0)
	client := s.dial(t)
	client.send(s.fill("GET /leaves HTTP/1.1\r\nHost: HOST\r\n\r\n"))
	time.Sleep(settle) // some tries fail
	left := time.Now()
	client.reset()
	if status := s.accessLog(t, "/leaves"); status != 499 {
		t.Errorf("the access log has status %d", status)
	}
	if took := time.Since(left); took > 2*time.Second {
		t.Errorf("the request ended %s after the client had left", took)
	}
}

// TestRetryAdded: a backend that is added while a request waits gets it.
func TestRetryAdded(t *testing.T) {
	if !told() {
		return // there is no such API
	}
	s, other := waiting.take(t), waiting.take(t)
	s.refuse(0)
	got := other.backend(t).replying(reply200)
	client := s.dial(t)
	client.send(s.fill("POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 5\r\n\r\nhello"))
	time.Sleep(settle) // some tries fail
	url := "http://127.0.0.1:" + adminPort + "/load_balance/pools/" + s.host + "/backends"
	call(t, "POST", url, `{"id":"added","address":"`+other.address(0)+`"}`, 201)
	t.Cleanup(func() { call(t, "DELETE", url+"/added", "", 204) })
	client.answer("POST").expectStatus(t, 200)
	if m := got.next(t); m.body != "hello" {
		t.Errorf("the added backend got %q", m.body)
	}
}

// call asks the admin API for a change.
func call(t testing.TB, method, url, body string, status int) {
	t.Helper()
	r, err := http.NewRequest(method, url, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != status {
		t.Errorf("%s %s: status %d, want %d", method, url, res.StatusCode, status)
	}
}
