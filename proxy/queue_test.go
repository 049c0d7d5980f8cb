package proxy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// slow answers each request after a time, or fails it without a connection.
type slow struct {
	attempts
	takes time.Duration
	fails bool
}

func (s slow) send(a *attempt) (*http.Response, error) {
	*s.times = append(*s.times, time.Now())
	select {
	case <-time.After(s.takes):
	case <-a.r.Context().Done():
		return nil, a.r.Context().Err()
	}
	if s.fails {
		return nil, &connectError{errors.New("refused")}
	}
	return &http.Response{StatusCode: http.StatusOK, ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: http.NoBody}, nil
}
func (s slow) New(config.Address) pool.Transport { return s }
func (s slow) Restricted() pool.Transports       { return s }

// queued runs a function in a bubble, with a proxy to a single backend that takes
// one request at a time.
func queued(t *testing.T, retry config.Retry, queue pool.QueueLimits, transport slow, fn func(t *testing.T, h *harness)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cfg := to("a:1")
		cfg.Backends[0].MaxRequests = 1
		cfg.LoadBalancing = &config.LoadBalancing{Retry: retry}
		h := provision(t, cfg)
		def := *h.def
		transport.times = new([]time.Time)
		def.Transports, def.Queue = transport, queue
		h.pool.Seed(&def)
		fn(t, h)
		synctest.Wait()
		v := h.pool.View()
		wantEqual(t, "requests that wait in the end", v.Queue.Length, 0)
		wantEqual(t, "requests in flight in the end", v.Backends[0].InFlight, 0)
		h.release()
	})
}

// ask makes a request in the background. The channel gets the error, when it ends.
func (h *harness) ask(ctx context.Context) chan error {
	ended := make(chan error, 1)
	go func() { ended <- h.request(ctx) }()
	synctest.Wait()
	return ended
}

const patient = time.Minute

func TestQueuedRequestIsServed(t *testing.T) {
	queued(t, config.Retry{}, pool.QueueLimits{Size: 2, Timeout: patient}, slow{takes: 10 * time.Second}, func(t *testing.T, h *harness) {
		began := time.Now()
		asked := []chan error{h.ask(t.Context()), h.ask(t.Context()), h.ask(t.Context())}
		err := h.request(t.Context())
		wantEqual(t, "status", statusOf(err, 0), http.StatusServiceUnavailable)
		wantEqual(t, "queue full", errors.Is(err, pool.ErrQueueFull), true)
		for i, c := range asked {
			wantEqual(t, "error", <-c, error(nil))
			wantEqual(t, fmt.Sprintf("end of request %d", i), time.Since(began), time.Duration(i+1)*10*time.Second)
		}
	})
}

func TestQueuedRequestEnds(t *testing.T) {
	queue := pool.QueueLimits{Size: 10, Timeout: 5 * time.Second}
	t.Run("by the queue", func(t *testing.T) {
		queued(t, config.Retry{}, queue, slow{takes: patient}, func(t *testing.T, h *harness) {
			first, began := h.ask(t.Context()), time.Now()
			err := h.request(t.Context())
			wantEqual(t, "status", statusOf(err, 0), http.StatusServiceUnavailable)
			wantEqual(t, "waited too long", errors.Is(err, pool.ErrWaitedTooLong), true)
			wantEqual(t, "time", time.Since(began), 5*time.Second)
			<-first
		})
	})
	t.Run("by lb_try_duration", func(t *testing.T) {
		queued(t, config.Retry{TryDuration: caddy.Duration(2 * time.Second)}, queue, slow{takes: patient}, func(t *testing.T, h *harness) {
			first, began := h.ask(t.Context()), time.Now()
			wantEqual(t, "status", statusOf(h.request(t.Context()), 0), http.StatusServiceUnavailable)
			wantEqual(t, "time", time.Since(began), 2*time.Second)
			<-first
		})
	})
	t.Run("by the client", func(t *testing.T) {
		queued(t, config.Retry{}, queue, slow{takes: patient}, func(t *testing.T, h *harness) {
			first, began := h.ask(t.Context()), time.Now()
			ctx, cancel := context.WithCancel(t.Context())
			second := h.ask(ctx)
			cancel()
			wantEqual(t, "error", <-second, error(nil)) // 499 in the log
			wantEqual(t, "time", time.Since(began), 0)
			wantEqual(t, "left", h.pool.View().Queue.Left, 1)
			<-first
		})
	})
}

// A retry that finds no slot waits for one; if there is none in time, the client
// learns what has happened before.
func TestRetryWaitsInQueue(t *testing.T) {
	queue := pool.QueueLimits{Size: 10, Timeout: 5 * time.Second}
	queued(t, config.Retry{Retries: 1}, queue, slow{takes: 3 * time.Second, fails: true}, func(t *testing.T, h *harness) {
		first := h.ask(t.Context())
		second := h.ask(t.Context())
		third := h.ask(t.Context())
		for _, c := range []chan error{first, second} {
			wantEqual(t, "status", statusOf(<-c, 0), http.StatusBadGateway)
		}
		wantEqual(t, "status", statusOf(<-third, 0), http.StatusServiceUnavailable)
	})
}

// Without a queue, requests wait as long as they may be tried, in order.
func TestWaitWithoutQueueIsInOrder(t *testing.T) {
	retry := config.Retry{TryDuration: caddy.Duration(patient)}
	queued(t, retry, pool.QueueLimits{}, slow{takes: 9 * time.Second}, func(t *testing.T, h *harness) {
		var asked []chan error
		for range 10 {
			asked = append(asked, h.ask(t.Context()))
		}
		began := time.Now()
		for i, c := range asked {
			err := <-c
			if i < 7 {
				wantEqual(t, "error", err, error(nil))
				wantEqual(t, fmt.Sprintf("end of request %d", i), time.Since(began), time.Duration(i+1)*9*time.Second)
				continue
			}
			wantEqual(t, "status", statusOf(err, 0), http.StatusServiceUnavailable)
		}
	})
}

// Retries that are counted end the wait where nothing else says how long it is.
func TestWaitEndsByNumberOfRetries(t *testing.T) {
	for _, c := range []struct {
		retry config.Retry
		queue pool.QueueLimits
		waits time.Duration
	}{
		{config.Retry{}, pool.QueueLimits{}, 0},
		{config.Retry{Retries: 3}, pool.QueueLimits{}, 0},
		{config.Retry{Retries: 3, TryInterval: caddy.Duration(time.Second)}, pool.QueueLimits{}, 3 * time.Second},
		{config.Retry{Retries: 2, TryDuration: caddy.Duration(patient)}, pool.QueueLimits{}, 500 * time.Millisecond},
		{config.Retry{Retries: 3, TryInterval: caddy.Duration(time.Second)}, pool.QueueLimits{Size: 1, Timeout: 20 * time.Second}, 20 * time.Second},
	} {
		queued(t, c.retry, c.queue, slow{takes: time.Hour}, func(t *testing.T, h *harness) {
			first, began := h.ask(t.Context()), time.Now()
			wantEqual(t, "status", statusOf(h.request(t.Context()), 0), http.StatusServiceUnavailable)
			wantEqual(t, fmt.Sprintf("time with %+v and %+v", c.retry, c.queue), time.Since(began), c.waits)
			<-first
		})
	}
}
