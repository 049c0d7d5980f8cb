package proxy

import (
	"errors"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// outage fails all requests until it is over.
type outage struct {
	attempts
	takes time.Duration // to answer a request, or to fail it
	over  time.Time
	err   error
	made  *atomic.Int64 // attempts
}

func (o outage) send(a *attempt) (*http.Response, error) {
	o.made.Add(1)
	select {
	case <-time.After(o.takes):
	case <-a.r.Context().Done():
		return nil, a.r.Context().Err()
	}
	if time.Now().Before(o.over) {
		return nil, o.err
	}
	return &http.Response{StatusCode: http.StatusOK, ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: http.NoBody}, nil
}
func (o outage) New(config.Address) pool.Transport { return o }
func (o outage) Restricted() pool.Transports       { return o }

// meet has n requests meet an outage, one every interval, and returns how many
// attempts were made of them and how many have failed.
func meet(t *testing.T, cfg *config.Handler, o outage, n int, interval time.Duration) (attempts, failed int64) {
	t.Helper()
	h := provision(t, cfg)
	o.made = new(atomic.Int64)
	def := *h.def
	def.Transports, def.Observer = o, nil
	h.pool.Seed(&def)
	var wg sync.WaitGroup
	var bad atomic.Int64
	for range n {
		wg.Go(func() {
			if h.request(t.Context()) != nil {
				bad.Add(1)
			}
		})
		time.Sleep(interval)
	}
	wg.Wait()
	if v := h.pool.View(); int64(v.Retries)+int64(n) != o.made.Load() {
		t.Errorf("%d attempts of %d requests, but %d retries are counted", o.made.Load(), n, v.Retries)
	}
	wantNothingActive(t, h)
	h.release()
	return o.made.Load(), bad.Load()
}

// dialError is how a connection fails.
func dialError(err error) error { return &connectError{&net.OpError{Op: "dial", Net: "tcp", Err: err}} }

// Requests that wait for a retry are no load, so their number allows no more
// retries: however long they may wait, the attempts stay within the budget.
func TestNoRetryStormByWaiting(t *testing.T) {
	for _, waits := range []time.Duration{time.Second, 10 * time.Second, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			cfg := to("a:1")
			cfg.LoadBalancing = tryFor(waits)
			o := outage{takes: 5 * time.Millisecond, over: time.Now().Add(time.Hour), err: dialError(os.ErrDeadlineExceeded)}
			const n = 3000
			attempts, failed := meet(t, cfg, o, n, 10*time.Millisecond)
			wantEqual(t, "failed requests", failed, n)
			// three at a time, each of which waits for 125 ms at least
			least := int64((n*10*time.Millisecond + waits) / (125 * time.Millisecond) * config.DefaultRetryBudgetMin)
			t.Logf("%v to wait: %d attempts of %d requests", waits, attempts, n)
			if most := n*125/100 + least; attempts > most {
				t.Errorf("%v to wait: %d attempts of %d requests, want %d at the most", waits, attempts, n, most)
			}
		})
	}
}

// An outage that is over within lb_try_duration costs no request: as retries
// succeed, more are made at once.
func TestRequestsOutliveAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := to("a:1")
		cfg.LoadBalancing = tryFor(5 * time.Second)
		o := outage{takes: 50 * time.Millisecond, over: time.Now().Add(3 * time.Second), err: dialError(errors.New("refused"))}
		const n = 2000
		attempts, failed := meet(t, cfg, o, n, 5*time.Millisecond)
		wantEqual(t, "failed requests", failed, 0)
		t.Logf("%d attempts of %d requests", attempts, n)
		if attempts > 2*n {
			t.Errorf("%d attempts of %d requests", attempts, n)
		}
	})
}

// Where no connection can be made at all, each backend is tried once for free if
// that costs it nothing, and within the budget otherwise.
func TestNoRetryStormOfConnections(t *testing.T) {
	const n, backends = 2000, 4
	for name, c := range map[string]struct {
		err  error
		free int64
	}{
		"refused":   {errors.New("refused"), backends},
		"timed out": {os.ErrDeadlineExceeded, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := to("a:1", "b:1", "c:1", "d:1")
				cfg.LoadBalancing = tryFor(10 * time.Second)
				o := outage{takes: 20 * time.Millisecond, over: time.Now().Add(time.Hour), err: dialError(c.err)}
				attempts, failed := meet(t, cfg, o, n, 2*time.Millisecond)
				wantEqual(t, "failed requests", failed, n)
				t.Logf("%d attempts of %d requests", attempts, n)
				// a quarter more, and three at a time that need not wait until all were tried
				if most := c.free*n*125/100 + 14*50*3; attempts > most || attempts < c.free*n {
					t.Errorf("%d attempts of %d requests, want %d to %d", attempts, n, c.free*n, most)
				}
			})
		})
	}
}
