package proxy

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// What the client has got of a backend's answer cannot be taken back, even if
// it is an interim one.
func TestNoRetryBehindAnInterimResponse(t *testing.T) {
	const hint = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
	for _, c := range []struct {
		name, first string
		status      int
	}{
		{"and no response", hint, http.StatusBadGateway},
		{"and a malformed response", hint + "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", http.StatusBadGateway},
		{"and one to be retried", hint + string(bad503), http.StatusServiceUnavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			first := make(chan fate, 1)
			first <- fate(c.first)
			script := func(p *peer) {
				for p.head() != "" {
					select {
					case f := <-first:
						p.send(string(f))
						if string(f) == hint {
							return
						}
					default:
						p.send(string(good))
					}
				}
			}
			cfg := to(rawBackend(t, script), rawBackend(t, script))
			cfg.LoadBalancing = retries(3)
			cfg.LoadBalancing.MatchRaw = match(`{"method": ["GET"]}`, expression(`{rp.status_code} == 503`))
			h := start(t, cfg)
			client := h.dial()
			client.send(plainGet)
			if early := client.head(); !strings.HasPrefix(early, "HTTP/1.1 103") {
				t.Fatalf("%q", early)
			}
			res, _ := client.response("GET")
			wantStatus(t, res, c.status)
			wantEqual(t, "attempts", len(h.verdicts()), 1)
		})
	}
}

// A client of HTTP/1.0 gets no interim responses, so they keep nothing from
// being retried.
func TestRetryBehindAnInterimResponseThatWasKept(t *testing.T) {
	first := make(chan fate, 1)
	first <- "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + bad503
	script := once(first)
	cfg := to(rawBackend(t, script), rawBackend(t, script))
	cfg.LoadBalancing = retries(1)
	cfg.LoadBalancing.MatchRaw = match(expression(`{rp.status_code} == 503`))
	h := start(t, cfg)
	res, body := h.exchange("GET / HTTP/1.0\r\nHost: a\r\n\r\n")
	wantStatus(t, res, http.StatusOK)
	wantEqual(t, "body", body, "good")
}

// A response that has begun is not retried, whatever becomes of it.
func TestNoRetryOfAResponseThatBreaksOff(t *testing.T) {
	count := make(chan struct{}, 10)
	script := func(p *peer) {
		if p.head() != "" {
			count <- struct{}{}
			p.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome")
		}
	}
	cfg := to(rawBackend(t, script), rawBackend(t, script))
	cfg.LoadBalancing = retries(3)
	cfg.LoadBalancing.MatchRaw = match(`{"method": ["GET"]}`)
	h := start(t, cfg)
	res, body := h.exchange(plainGet)
	wantStatus(t, res, http.StatusOK)
	if !strings.HasPrefix(body, "some<") {
		t.Errorf("body %q looks complete", body)
	}
	h.result(0)
	wantEqual(t, "requests that backends got", len(count), 1)
}

// The client waits to be told to send its body, and is told once, however many
// backends it takes.
func TestRetryOfARequestThatExpects100(t *testing.T) {
	const request = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
	takes := func(got chan<- string) func(*peer) {
		return func(p *peer) {
			for p.head() != "" {
				p.send("HTTP/1.1 100 Continue\r\n\r\n")
				got <- p.take(5)
				p.send(string(good))
			}
		}
	}
	t.Run("refused, then taken", func(t *testing.T) {
		got := make(chan string, 1)
		cfg := to(rawBackend(t, func(p *peer) {
			if p.head() != "" {
				p.send(closing(bad503)) // and not 100
				p.rest()
			}
		}), rawBackend(t, takes(got)))
		cfg.LoadBalancing = retries(1)
		cfg.LoadBalancing.MatchRaw = match(expression(`{rp.status_code} == 503`))
		h := start(t, cfg)
		for range 2 { // each begins with the one that refuses
			c := h.dial()
			c.send(request)
			if head := c.head(); !strings.HasPrefix(head, "HTTP/1.1 100") {
				t.Fatalf("%q", head)
			}
			c.send("hello")
			res, body := c.response("POST")
			wantStatus(t, res, http.StatusOK)
			wantEqual(t, "answer", body, "good")
			wantEqual(t, "body", receive(t, got, "body"), "hello")
		}
		wantEqual(t, "attempts", len(h.verdicts()), 4)
	})
	t.Run("buffered", func(t *testing.T) {
		got := make(chan string, 1)
		cfg := to(rawBackend(t, func(p *peer) {
			if p.head() != "" {
				p.take(2)
			}
		}), rawBackend(t, func(p *peer) {
			for head := p.head(); head != ""; head = p.head() {
				wantEqual(t, "Expect to the backend", len(fields(head, "Expect")), 0)
				got <- p.take(5)
				p.send(string(good))
			}
		}))
		cfg.LoadBalancing = retries(1)
		cfg.LoadBalancing.MatchRaw = match(`{"method": ["POST"]}`)
		cfg.RequestBuffers = 10
		h := start(t, cfg)
		for range 2 {
			c := h.dial()
			c.send(request)
			if head := c.head(); !strings.HasPrefix(head, "HTTP/1.1 100") {
				t.Fatalf("%q", head)
			}
			c.send("hello")
			res, _ := c.response("POST")
			wantStatus(t, res, http.StatusOK)
			wantEqual(t, "body", receive(t, got, "body"), "hello")
		}
	})
	t.Run("taken, then broken", func(t *testing.T) {
		cfg := to(rawBackend(t, func(p *peer) {
			if p.head() != "" {
				p.send("HTTP/1.1 100 Continue\r\n\r\n")
				p.take(5)
			}
		}))
		cfg.LoadBalancing = retries(3)
		cfg.LoadBalancing.MatchRaw = match(`{"method": ["POST"]}`)
		h := start(t, cfg)
		c := h.dial()
		c.send(request)
		c.head()
		c.send("hello")
		res, _ := c.response("POST")
		wantStatus(t, res, http.StatusBadGateway)
		wantEqual(t, "attempts", len(h.verdicts()), 1)
	})
}

func TestRetryOfUpgrades(t *testing.T) {
	cfg := to(refused(t), rawBackend(t, func(p *peer) { p.head() }), rawBackend(t, answering(string(bad503))), rawBackend(t, switching(t, "", echo)))
	cfg.LoadBalancing = retries(3)
	cfg.LoadBalancing.MatchRaw = match(`{"method": ["GET"]}`, expression(`{rp.status_code} == 503`))
	h := start(t, cfg)
	for range 4 {
		c := h.dial()
		c.send(upgradeRequest)
		if head := c.head(); !strings.HasPrefix(head, "HTTP/1.1 101") {
			t.Fatalf("%q", head)
		}
		c.send("hello")
		wantEqual(t, "echo", c.take(5), "hello")
		_ = c.Close()
	}
	wantEqual(t, "retries", h.pool.View().Retries, 4*3)
}

// Without a matcher, only GET is repeated once a backend may have acted on it.
func TestWhichMethodsAreRepeated(t *testing.T) {
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "REPORT"} {
		t.Run(method, func(t *testing.T) {
			count := make(chan struct{}, 10)
			cfg := to(rawBackend(t, resetting(count)), rawBackend(t, resetting(count)))
			cfg.LoadBalancing = retries(1)
			h := start(t, cfg)
			h.exchange(method + " / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
			want := 1
			if method == "GET" {
				want = 2
			}
			wantEqual(t, "requests that backends got", len(count), want)
		})
	}
}

// An attempt that has begun before the time is over is not ended by it.
func TestTryDurationDoesNotEndAnAttempt(t *testing.T) {
	got, goOn := make(chan struct{}, 1), make(chan struct{})
	cfg := to(rawBackend(t, func(p *peer) {
		if p.head() != "" {
			got <- struct{}{}
			<-goOn
			p.send(string(good))
		}
	}))
	cfg.LoadBalancing = &config.LoadBalancing{Retry: config.Retry{TryDuration: caddy.Duration(50 * time.Millisecond)}}
	h := start(t, cfg)
	began := time.Now()
	c := h.dial()
	c.send(plainGet)
	receive(t, got, "request")
	eventually(t, "the time to be over", func() bool { return time.Since(began) > 200*time.Millisecond })
	close(goOn)
	res, _ := c.response("GET")
	wantStatus(t, res, http.StatusOK)
}
