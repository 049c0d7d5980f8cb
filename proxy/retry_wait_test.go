package proxy

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

func TestWaitsGrow(t *testing.T) {
	const ms = time.Millisecond
	for n, ceiling := range []time.Duration{25 * ms, 50 * ms, 100 * ms, 200 * ms, 250 * ms, 250 * ms} {
		wantEqual(t, "shortest", growing(n, 0), ceiling/2)
		wantEqual(t, "longest", growing(n, 1), ceiling)
	}
	wantEqual(t, "after very many", growing(1<<40, 1), 250*ms)
}

func TestConfiguredWaitStaysAboutAsLong(t *testing.T) {
	wantEqual(t, "shortest", jittered(time.Second, 0), 800*time.Millisecond)
	wantEqual(t, "longest", jittered(time.Second, 1), 1200*time.Millisecond)
	r := retryRules{interval: time.Second}
	seen := make(map[time.Duration]bool)
	for range 100 {
		d := r.steady()
		if d < 800*time.Millisecond || d > 1200*time.Millisecond {
			t.Fatalf("wait of %s", d)
		}
		seen[d] = true
	}
	if len(seen) < 50 {
		t.Errorf("%d different waits in 100", len(seen))
	}
}

// attempts takes the time of each attempt, which fails without a connection.
type attempts struct{ times *[]time.Time }

func (f attempts) send(*attempt) (*http.Response, error) {
	*f.times = append(*f.times, time.Now())
	return nil, &connectError{errors.New("refused")}
}
func (attempts) target() (network, address string)             { return "tcp", "127.0.0.1:1" }
func (attempts) CloseIdle()                                    {}
func (f attempts) New(config.Address) pool.Transport           { return f }
func (f attempts) Restricted() pool.Transports                 { return f }
func (f attempts) Equal(pool.Transports) bool                  { return false }
func (f attempts) Connector(config.Address) (c pool.Connector) { return c }

// attemptTimes returns when the attempts of a request were made that all fail,
// and how long it took in all.
func attemptTimes(t *testing.T, retry config.Retry, backends int) (offsets []time.Duration, total time.Duration) {
	t.Helper()
	cfg := to("a:1", "b:1", "c:1", "d:1")
	cfg.Backends = cfg.Backends[:backends]
	cfg.LoadBalancing = &config.LoadBalancing{Retry: retry}
	h := provision(t, cfg)
	var times []time.Time
	def := *h.def
	def.Transports = attempts{&times}
	h.pool.Seed(&def)
	began := time.Now()
	h.request(t.Context())
	total = time.Since(began)
	for _, at := range times {
		offsets = append(offsets, at.Sub(began))
	}
	h.release()
	return offsets, total
}

// request has the proxy answer one request, without a connection.
func (h *harness) request(ctx context.Context) error {
	repl := caddy.NewReplacer()
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "http://a/", nil)
	return h.proxy.ServeHTTP(w, caddyhttp.PrepareRequest(r, repl, w, h.srv))
}

func TestAttemptsOverTime(t *testing.T) {
	between := func(t *testing.T, what string, d, least, most time.Duration) {
		t.Helper()
		if d < least || d > most {
			t.Errorf("%s: %s is not within %s to %s", what, d, least, most)
		}
	}
	const ms = time.Millisecond
	t.Run("none before backends that were not tried", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			at, _ := attemptTimes(t, config.Retry{Retries: 4, TryInterval: caddy.Duration(time.Second)}, 4)
			wantEqual(t, "attempts", len(at), 5)
			wantEqual(t, "the fourth", at[3], 0)
			between(t, "the fifth", at[4], 800*ms, 1200*ms)
		})
	})
	t.Run("growing", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			at, _ := attemptTimes(t, config.Retry{Retries: 6}, 1)
			wantEqual(t, "attempts", len(at), 7)
			for i, ceiling := range []time.Duration{25 * ms, 50 * ms, 100 * ms, 200 * ms, 250 * ms, 250 * ms} {
				between(t, "wait", at[i+1]-at[i], ceiling/2, ceiling)
			}
		})
	})
	t.Run("steady if configured", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			at, total := attemptTimes(t, config.Retry{TryDuration: caddy.Duration(10 * time.Second), TryInterval: caddy.Duration(time.Second)}, 1)
			for i := 1; i < len(at)-1; i++ {
				between(t, "wait", at[i]-at[i-1], 800*ms, 1200*ms)
			}
			wantEqual(t, "the last attempt", at[len(at)-1], 10*time.Second)
			wantEqual(t, "in all", total, 10*time.Second)
		})
	})
}

// Nothing begins after lb_try_duration, however the failures come.
func TestNoAttemptAfterTryDuration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at, total := attemptTimes(t, config.Retry{TryDuration: caddy.Duration(3 * time.Second)}, 2)
		if last := at[len(at)-1]; last > 3*time.Second || total > 3*time.Second {
			t.Errorf("last attempt after %s, end after %s", last, total)
		}
		if len(at) < 10 || len(at) > 30 {
			t.Errorf("%d attempts", len(at))
		}
	})
}

// always is a policy that offers the first backend only, as if the others were
// taken each time that it looks at them.
type always struct{}

func (always) NewPicker(members []*pool.Member, _ pool.Picker) pool.Picker {
	return firstPicker{members[0]}
}

type firstPicker struct{ first *pool.Member }

func (p firstPicker) Pick(q *pool.Request) *pool.Member {
	if q.Take(p.first) {
		return p.first
	}
	return nil
}

// A backend that seems to be left but is not to be had does not make requests
// turn in circles.
func TestWaitsAlthoughAnotherSeemsToBeLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := to("a:1", "b:1")
		cfg.LoadBalancing = tryFor(time.Second)
		h := provision(t, cfg)
		var times []time.Time
		def := *h.def
		def.Transports, def.Policy = attempts{&times}, always{}
		h.pool.Seed(&def)
		if err := h.request(t.Context()); err == nil {
			t.Error("no error")
		}
		if len(times) < 4 || len(times) > 12 {
			t.Errorf("%d attempts in a second", len(times))
		}
		h.release()
	})
}
