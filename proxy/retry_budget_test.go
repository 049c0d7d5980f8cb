package proxy

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

const plainGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

// startWithBudget runs a proxy whose pool has a retry budget.
func startWithBudget(t *testing.T, cfg *config.Handler, percent, least int) *harness {
	t.Helper()
	h := provision(t, cfg)
	def := *h.def
	def.RetryBudget = &config.RetryBudget{Percent: &percent, MinConcurrent: &least}
	h.pool.Seed(&def)
	h.serve(nil)
	return h
}

func TestRetryBudgetIsUsedUp(t *testing.T) {
	t.Run("after a failure", func(t *testing.T) {
		cfg := to(rawBackend(t, hangingUp), rawBackend(t, hangingUp))
		cfg.LoadBalancing = retries(3)
		h := startWithBudget(t, cfg, 0, 0)
		res, _ := h.exchange(plainGet)
		wantStatus(t, res, http.StatusBadGateway)
		wantEqual(t, "attempts", len(h.verdicts()), 1)
		text := h.result(0).err.Error()
		if !strings.HasSuffix(text, "; not retried: retry budget exhausted") {
			t.Errorf("error %q", text)
		}
		wantEqual(t, "log", h.logs.FilterMessage("retry budget exhausted").Len(), 1)
		wantRetries(t, h, 0, 1)
	})
	t.Run("when a response is to be retried", func(t *testing.T) {
		cfg := to(rawBackend(t, answering("HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy")))
		cfg.LoadBalancing = retries(3)
		cfg.LoadBalancing.MatchRaw = match(`{"expression": "{http.reverse_proxy.status_code} == 503"}`)
		h := startWithBudget(t, cfg, 0, 0)
		res, body := h.exchange(plainGet)
		wantStatus(t, res, http.StatusServiceUnavailable)
		wantEqual(t, "body", body, "busy")
		wantRetries(t, h, 0, 1)
	})
}

// hangingUp is a backend that reads a request and closes the connection.
func hangingUp(p *peer) { p.head() }

// What no backend has seen may go to another one, whatever the budget: that is
// no load which would not have been there. It is not sent to the same ones again.
func TestRetryOfRefusedConnectionsIsFree(t *testing.T) {
	t.Run("one is left", func(t *testing.T) {
		cfg := to(refused(t), refused(t), rawBackend(t, answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")))
		cfg.LoadBalancing = retries(3)
		h := startWithBudget(t, cfg, 0, 0)
		for range 9 {
			res, _ := h.exchange(plainGet)
			wantStatus(t, res, http.StatusOK)
		}
		wantRetries(t, h, uint64(len(h.verdicts())-9), 0)
	})
	t.Run("none is left", func(t *testing.T) {
		cfg := to(refused(t), refused(t))
		cfg.LoadBalancing = retries(9)
		h := startWithBudget(t, cfg, 0, 0)
		res, _ := h.exchange(plainGet)
		wantStatus(t, res, http.StatusBadGateway)
		wantEqual(t, "attempts", len(h.verdicts()), 2)
		wantRetries(t, h, 1, 1)
	})
}

// wantRetries expects the pool's counts.
func wantRetries(t *testing.T, h *harness, made, refused uint64) {
	t.Helper()
	v := h.pool.View()
	wantEqual(t, "retries", v.Retries, made)
	wantEqual(t, "refused retries", v.RetriesRefused, refused)
}

// A few clients may always retry, as they may with reverse_proxy.
func TestFewClientsAreRetried(t *testing.T) {
	cfg := to(rawBackend(t, hangingUp), rawBackend(t, answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")))
	cfg.LoadBalancing = retries(1)
	h := start(t, cfg)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for range 50 {
				if res, _ := h.exchange(plainGet); res.StatusCode != http.StatusOK {
					t.Errorf("status %d", res.StatusCode)
				}
			}
		})
	}
	wg.Wait()
	wantRetries(t, h, uint64(len(h.verdicts())-150), 0)
	wantNothingActive(t, h)
}

// wantNothingActive expects that nothing is counted as active or being retried.
// It takes away the budget's minimum.
func wantNothingActive(t *testing.T, h *harness) {
	t.Helper()
	def := *h.def
	half, none := 50, 0
	def.RetryBudget = &config.RetryBudget{Percent: &half, MinConcurrent: &none}
	h.pool.Seed(&def)
	eventually(t, "nothing to be active", func() bool {
		var first, second pool.Request
		h.pool.Enter(&first)
		alone := h.pool.AllowRetry(&first) // 50 % of one is none
		h.pool.Enter(&second)
		one := h.pool.AllowRetry(&second)
		h.pool.Leave(&first)
		h.pool.Leave(&second)
		return !alone && one
	})
}

// What waits for a retry has a place, until the client leaves.
func TestWaitingRetriesCount(t *testing.T) {
	cfg := to(refused(t))
	cfg.LoadBalancing = retries(1)
	cfg.LoadBalancing.TryInterval = caddy.Duration(time.Hour)
	h := startWithBudget(t, cfg, 0, 1)
	waiting := h.dial()
	waiting.send(plainGet)
	eventually(t, "first attempt", func() bool { return len(h.verdicts()) == 1 })
	eventually(t, "retry to be refused", func() bool {
		res, _ := h.exchange(plainGet)
		return res.StatusCode == http.StatusBadGateway && h.pool.View().RetriesRefused > 0
	})
	_ = waiting.Close()
	eventually(t, "place to be free", func() bool {
		var q pool.Request
		defer h.pool.Leave(&q)
		return h.pool.AllowRetry(&q)
	})
}

// With a time for which backends are tried, a request waits for its place.
func TestRetryWaitsForRoomInTheBudget(t *testing.T) {
	held, goOn := make(chan struct{}, 1), make(chan struct{})
	cfg := to(rawBackend(t, hangingUp), rawBackend(t, func(p *peer) {
		for p.head() != "" {
			select {
			case held <- struct{}{}:
				<-goOn
			default:
			}
			p.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	}))
	cfg.LoadBalancing = tryFor(patience)
	cfg.LoadBalancing.TryInterval = caddy.Duration(time.Millisecond)
	h := startWithBudget(t, cfg, 0, 1)
	first := h.dial()
	first.send(plainGet)
	receive(t, held, "the retry that has the only place")
	second := h.dial()
	eventually(t, "a second request that is to be retried", func() bool {
		before := len(h.verdicts())
		second = h.dial()
		second.send(plainGet)
		eventually(t, "attempt", func() bool { return len(h.verdicts()) > before })
		return h.verdicts()[before] == pool.Failed // else it went to the good one at once
	})
	wantEqual(t, "retries", h.pool.View().Retries, 1)
	close(goOn)
	for _, c := range []*peer{first, second} {
		res, _ := c.response("GET")
		wantStatus(t, res, http.StatusOK)
	}
	wantRetries(t, h, 2, 0)
	wantNothingActive(t, h)
}

// An answer that goes on for long is no load that a retry adds to, and keeps
// nobody from being retried.
func TestAnsweredRetryGivesUpItsPlace(t *testing.T) {
	for _, c := range []struct{ name, request, answer, head string }{
		{"stream", plainGet, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n", "HTTP/1.1 200"},
		{"tunnel", upgradeRequest, upgradeResponse, "HTTP/1.1 101"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := to(rawBackend(t, hangingUp), rawBackend(t, func(p *peer) {
				if p.head() != "" {
					p.send(c.answer)
					p.rest()
				}
			}))
			cfg.LoadBalancing = retries(1)
			h := startWithBudget(t, cfg, 0, 1)
			for range 6 {
				client := h.dial()
				client.send(c.request)
				if head := client.head(); !strings.HasPrefix(head, c.head) {
					t.Fatalf("answer %q", head)
				}
			}
			if v := h.pool.View(); v.Retries < 2 || v.RetriesRefused > 0 {
				t.Errorf("%d retries, %d refused", v.Retries, v.RetriesRefused)
			}
			wantNothingActive(t, h)
		})
	}
}

// When everything fails, retries add the budget's share to the load, and not as
// much as each request may have.
func TestNoRetryStorm(t *testing.T) {
	const clients, requests, most = 60, 900, 10
	var got, sent atomic.Int64
	fails := func(p *peer) {
		for p.head() != "" {
			got.Add(1)
			time.Sleep(5 * time.Millisecond) // which is what a request costs it
			p.send("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
		}
	}
	cfg := to(rawBackend(t, fails), rawBackend(t, fails), rawBackend(t, fails))
	cfg.LoadBalancing = retries(most)
	cfg.LoadBalancing.MatchRaw = match(`{"expression": "{http.reverse_proxy.status_code} == 503"}`)
	h := start(t, cfg)
	var wg sync.WaitGroup
	for range clients {
		c := h.dial()
		_ = c.SetDeadline(time.Now().Add(6 * patience))
		wg.Go(func() {
			for sent.Add(1) <= requests { // all of them are at it until the end
				_, _ = io.WriteString(c, plainGet)
				if res, _ := c.response("GET"); res.StatusCode != http.StatusServiceUnavailable {
					t.Errorf("status %d", res.StatusCode)
				}
			}
		})
	}
	wg.Wait()
	perRequest := float64(got.Load()) / requests
	t.Logf("%.2f attempts per request; without a budget it would be %d", perRequest, most+1)
	if perRequest > 1.4 {
		t.Errorf("%.2f attempts per request", perRequest)
	}
	v := h.pool.View()
	wantEqual(t, "attempts counted", int64(v.Retries)+requests, got.Load())
	if v.RetriesRefused < requests*7/10 {
		t.Errorf("%d retries refused", v.RetriesRefused)
	}
	wantNothingActive(t, h)
}
